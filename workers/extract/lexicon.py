"""Word lists of the local extractor for English. Another language is another module with the same names."""

import re


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Past forms that do not end in -ed; after a dropped or first-person subject they tell that something happened.
PAST = _words(
    """
    was were had did quit went got took made came saw met bought began left won lost broke gave found told felt ran
    ate flew drove spent sold died said knew thought grew wrote spoke taught caught brought kept slept paid sent
    built heard held led meant rode rose sang sat stood swam threw understood woke wore chose fell forgot
    forgave froze hid hung lay lent lit shook shot shone spun stole stuck struck swore swept tore fed fled bled
    bred dug dreamt learnt burnt spilt stung sank drank rang became overcame withdrew dealt
    """
)
# The same in past and present.
EITHER = _words("put read cut set hit let cost hurt shut bet spread split cast burst beat run come become")
BASE = _words(
    """
    live work love like hate prefer need want have do go eat drink play read write run walk swim cook bake make
    take use drive ride teach study learn speak know think feel see get keep collect watch listen sleep wake
    train coach manage own rent pay earn help visit call meet volunteer practise practice paint draw sing dance
    garden travel commute sell buy build grow wear carry drop pick share spend save plan hope try enjoy avoid
    skip suffer struggle start finish leave stay come mean look run teach tutor groom sew knit bring put give
    tell ask answer check follow log journal meditate smoke
    """
)
MODAL = _words(
    """
    will would can could should must might may shall cannot can't couldn't won't wouldn't shouldn't mustn't
    didn't did wasn't weren't hadn't had was were ought used never
    """
)
NOT_VERBS = _words(
    """
    and or but so because who which that to of in on at for with from by as than if when where while the a an my
    our your his her their this these those too as both alone myself too either neither not
    """
)
ADVERBS = (
    r"no longer|really|just|also|always|never|usually|often|still|already|only|mostly|sometimes|actually|even|finally"
    r"|recently|somewhat"
    r"|totally|now|basically|simply|hardly|rarely|both|all|definitely|honestly|generally|absolutely|sort of"
    r"|kind of|currently"
    r"|mainly|normally|typically|officially|lately|literally|truly|ever|then|either|together|almost|nearly|soon"
    r"|mildly|quite"
)
NOT_ADVERBS = _words("fly apply reply rely supply comply multiply family only early daily imply")

# Opening words of a request to the one who answers.
IMPERATIVE = _words(
    """
    make write give tell show explain summarize summarise translate rewrite recommend suggest help draft create
    find list compare remind remember add use put let let's lets please imagine pretend roast continue check fix
    convert describe quiz define say keep call do don't stop avoid never always skip plan sort change update
    turn send look try pick choose take answer ask generate calculate compute format paste read correct note
    save forget ignore delete cancel book set get teach talk speak sing play start open close assume consider
    wait hold entertain guess name rate review proofread edit shorten expand replace remove include exclude swap
    repeat walk count learn scrap strike settle sign warn catch forget leave
    """
)
DURABLE = re.compile(
    r"\b(?:always|never|from now(?: on)?|every time|each time|any ?time|whenever|by default|in (?:the )?future"
    r"|going forward"
    r"|as a rule|no matter what|ever again|next times?|at all times|all the time|only ever|every (?:answer|reply"
    r"|message|time))\b",
    re.IGNORECASE,
)
HYPOTHETICAL = re.compile(
    r"^(?:if|unless|suppose|supposing|imagine|what if|say i|let's say|assuming)\b"
    r"|\b(?:might|maybe|perhaps|possibly|would(?:n't)?(?! (?:rather|like|love|prefer|never|hate))|could(?!n't)"
    r"|wish|if only|as if"
    r"|in theory|hypothetically|not sure (?:if|whether)|no idea|who knows|thinking (?:of|about)|considering"
    r"|tempted|dream of"
    r"|wonder(?:ing)?|idk|dunno|pub talk|daydream\w*|toying with|should probably)\b"
    r"|\b(?:I|we|you|they|he|she)'d\b(?! (?:rather|like|love|prefer|never|hate|be happy|been|already|just))",
    re.IGNORECASE,
)
JOKE = re.compile(
    r"\b(?:jk|just kidding|kidding|i kid|joking|jokes|not really|in my dreams|yeah right|oh sure|as if|/s|sarcasm"
    r"|obviously not"
    r"|april fools?|pretend(?:ing)?|role-?play|in character|hypothetical|fictional|simply ador\w+|oh great|oh joy"
    r"|big surprise"
    r"|what could go wrong|living the dream|said no one ever|best day ever|lucky me|how lovely"
    r"|basically an? (?:professional|full-time|expert)|going to be (?:rich|famous)|just what i needed)\b",
    re.IGNORECASE,
)
GAME = re.compile(
    r"\b(?:roast me|pretend|role-?play|make up|made[- ]up|fake|fictional|imaginary|a story about"
    r"|d&d"
    r"|dungeon|character (?:sheet|bio)|npc|in my (?:novel|book|story)|two truths|lie to me|let's play|improv"
    r"|act as"
    r"|you are now|as a pirate)\b",
    re.IGNORECASE,
)
REPORTED = re.compile(
    r"\b(?:says?|said|saying|claim(?:s|ed|ing)?|sw(?:ears?|ore)|reckons?|reckoned|insists?|insisted|believes"
    r"|thinks|jokes?|joked"
    r"|argues?|according to|apparently|supposedly|allegedly|rumou?r)\b",
    re.IGNORECASE,
)
TRUSTED = re.compile(
    r"\b(?:doctor|dr|gp|vet|dentist|therapist|physio|surgeon|nurse|midwife|lawyer|landlord|boss"
    r"|test)\b",
    re.IGNORECASE,
)
FEELING_NOW = re.compile(
    r"^(?:the user|[A-Z]\w+) (?:is|am|feels?) (?:so |very |really |a bit |a little |just |all )*(?:tired|sleepy"
    r"|bored|ready|done|sorry|glad"
    r"|happy|sad|excited|nervous|nervous af|new here|awake|exhausted|shattered|busy|late|home|fine|good|ok|okay"
    r"|back|here|lost|confused|curious|sure|not sure|hungry|cold|hot"
    r"|stuck|impressed"
    r"|afraid|a mess|a wreck|laughing|crying|dead|dying|out|off|in|on it|with [\w ]+|listening|kidding|thankful"
    r"|grateful|so"
    r"|proud of [\w ]+)"
    r"(?: (?:now|again|then|today|too|to hear [\w ]+))*$",
    re.IGNORECASE,
)
SMALL_TALK = re.compile(
    r"^(?:thanks?|thank you|thx|cheers|hi|hello|hey|bye|goodbye|good ?night|see you|take care|welcome|congrats?"
    r"|congratulations"
    r"|you're welcome|no (?:problem|worries)|sounds? (?:good|great|fun|amazing)|i (?:see|know|get it|agree"
    r"|understand|guess"
    r"|hope so|think so|(?:will|am|do|did|can)(?=$| (?:too|so|that|it|this|not)\b)|can't wait|hear you|bet|mean it"
    r"|promise|swear|love (?:it|that|this)"
    r"|like (?:it|that|this)"
    r"|hate (?:it|that|this|you))|that'?s|it'?s (?:ok|fine|good|great)|will do|got it|lovely|wow)\b[^,;]{0,25}$",
    re.IGNORECASE,
)

FILLER = re.compile(
    r"^(?:I|we)(?:'m|'re| am| are)? (?:(?:so|really|totally|definitely|truly|also|all|just|very|completely|still) )*"
    r"(?:agree|appreciate|lucky|glad|grateful|thankful|proud of you|sure|get how|get what|hear you|believe in you"
    r"|wish you|know how"
    r"|know (?:you|that you)|love (?:your|that|how|it|this|these)\b|like (?:your|that|how)|bet|hope (?:you|it"
    r"|that|everything|so)"
    r"|here for you|look forward|looking forward|can't wait|couldn't agree|could not agree|understand|feel you"
    r"|need more people"
    r"|not alone|part of something|happy (?:for you|to help|to hear|you)|excited for you|got this|see what)"
    r"|^we (?:can|should|could|must|need to|have to|all|gotta|learn|got this|will get)\b|^(?:I|we) can (?:imagine"
    r"|see|relate|tell|do (?:it|this))\b",
    re.IGNORECASE,
)

FEMALE = _words(
    """
    mum mom mother mam mama sister daughter wife girlfriend aunt auntie aunty niece grandmother grandma gran nan
    nana granny granddaughter stepmother stepmum stepsister missus fiancee fiancée landlady
    """
)
MALE = _words(
    """
    dad father papa brother son husband boyfriend uncle nephew grandfather grandpa grandad granddad grandson
    stepfather stepdad stepbrother fiance fiancé landlord
    """
)
RELATIONS = (
    FEMALE
    | MALE
    | _words(
        """
    partner spouse kid child baby twin cousin friend mate bestie roommate flatmate housemate boss manager
    colleague coworker neighbour neighbor therapist doctor dentist coach teacher tutor ex in-law sibling parent
    grandparent grandchild mother-in-law father-in-law sister-in-law brother-in-law stepson stepdaughter godson
    goddaughter dog cat puppy kitten horse parrot rabbit hamster vet gp physio trainer professor supervisor
    mentor assistant buddy missus hubby bloke stepbrother stepsister niece nephew pup hedgehog pony budgie bunny
    ferret tortoise greyhound labrador poodle beagle terrier spaniel corgi
    """
    )
)
PETS = _words(
    """
    dog cat puppy kitten horse pony parrot budgie rabbit bunny hamster tortoise turtle snake lizard gecko fish
    goldfish guinea-pig ferret hen chicken greyhound labrador poodle beagle terrier spaniel corgi
    """
)
SINGLE_NOUNS = _words(
    """
    name birthday age boss manager phone number address email budget goal weight height salary rent job employer
    company router car laptop standup shift dentist doctor gp vet landlord major degree blood-type starsign
    nickname hometown supervisor therapist deadline plan diet language nationality religion insurance provider
    bank school university team title role position schedule timezone username handle flight appointment
    interview wedding shoe-size size commute insurer surname wage allowance mortgage doctor-appointment
    """
)
# What is moved or changed "to" something without being a value of its owner.
NOT_SWITCHED = _words(
    "mind stuff things boxes everything furniture desk attention focus clothes bed books way head life"
)
# Said of with a number, and yet not one value of their owner.
NOT_MEASURED = _words(
    "trip visit holiday party wedding meeting day week night son daughter brother sister dog cat baby kid"
)
JOBS = re.compile(
    r"\b(?!(?:ever|never|better|other|another|together|over|under|after|older|younger|later|number|weather"
    r"|whether|sober|eager"
    r"|clever|rather|further|sister|brother|mother|father|daughter|bigger|smaller|happier|stronger|taller"
    r"|shorter|faster|slower"
    r"|heavier|lighter|healthier|member|owner|lover|winner|loser|stranger|foreigner|beginner|indoor|outdoor|poor"
    r"|sensor|nor"
    r"|dinner|summer|winter|inner|outer|upper|lower|proper|super|bitter|italian|brazilian|asian|christian"
    r"|vegetarian)\b)"
    r"(?:\w+er|\w+or|\w+ist|\w+ian|nurse|chef|cook|pilot|clerk|architect|accountant|student|apprentice|barista"
    r"|coach|lead"
    r"|consultant|assistant|mechanic|plumber|judge|farmer|baker|vet|surgeon|agent|analyst|scientist|lawyer"
    r"|secretary|treasurer"
    r"|freelancer|intern|guard|security|postman|miner|dentist|paramedic|midwife|professor|developer|dev|engineer"
    r"|gamedev)\b"
)
NOT_NAMES = _words(
    """
    I The A An And But So If When While It This That These Those He She They We You My Our Your His Her Their
    There Here What Who Where Why How Which Yes No Ok Okay Oh Well Also Then Now Not Just Still Maybe Thanks
    Thank Hi Hello Hey Monday Tuesday Wednesday Thursday Friday Saturday Sunday January February March April May
    June July August September October November December Christmas Easter Halloween English Dutch French German
    Spanish Italian God Omg Lol Is Are Was Were Do Does Did Can Could Would Will Should In On At For From With
    To Of As By Since After Before Until Everyone Everything Nothing Nobody Somebody Someone Something All Some
    Any One Two Three First Last Next New Good Great Nice Sorry Please
    """
)
# Verbs that have a person for their subject: "Priya broke her wrist".
HUMAN_VERBS = _words(
    """
    says said told lives lived works worked loves loved hates hated teaches taught wears wore plays played thinks
    thought married broke moved studied studies wants wanted likes liked called calls texted owes owed bought
    prefers visited asked asks eats drinks smokes quit resigned retired graduated proposed insists promised
    agreed knows knew speaks believes paid pays cooks sings sang swims runs drives drove got gets had has took
    goes went came wrote read hurt fell lost won gave sold met is's was
    """
)
PLURAL_RELATIONS = _words(
    "parents kids children grandparents grandkids grandchildren sisters brothers cousins twins sons daughters "
    "flatmates roommates neighbours neighbors colleagues cats dogs inlaws in-laws"
)
NAME_STOP = re.compile(r"^(?:English|Dutch|French|German|Spanish|Italian|Polish|Irish|\w+(?:ish|ese|ian|can))$")

# With which nobody's own thing is meant.
GENERIC_NOUNS = _words(
    """
    it that this there what who everything nothing life time god weather people someone everyone one here how
    where when why he she they all some anything something thing things way problem issue question answer point
    idea thought internet world moon sun sky rain sugar water food money love moral truth rest other same stuff
    mine yours nobody everybody somebody anybody each
    if while since because but for so as at boring only fun easy perfect yesterday today tomorrow
    tonight morning evening afternoon night monday tuesday wednesday thursday friday saturday sunday winning
    hard work practice music art nature reading trust honesty change kindness hope success confidence
    """
)
# What tells that "I" was left out, as the first word of a clause.
DROPPED_PAST = _words(
    """
    passed moved finished started stopped turned switched pulled booked ordered signed joined changed tried
    worked visited lived studied graduated adopted fixed cancelled canceled cooked baked painted planted talked
    missed landed arrived returned cleaned packed dropped failed managed decided retired stayed played walked
    watched learned listened bought ended injured applied earned received picked skipped sprained twisted renewed
    sorted submitted launched opened closed ripped celebrated donated entered upgraded installed replaced
    repaired trained hiked cycled travelled traveled camped married divorced separated deferred
    """
)
DROPPED_OTHER = _words("didn't couldn't can't don't haven't wasn't never have")
STATES = _words(
    "married engaged retired divorced single pregnant vegan vegetarian allergic diabetic celiac coeliac based"
)
GERUNDS = _words(
    """
    living working studying training learning writing planning moving going flying leaving starting getting
    looking trying taking having building reading playing teaching running unpacking saving preparing visiting
    travelling traveling cooking doing graduating expecting hoping seeing dating renting fostering typing paying
    bringing driving
    """
)
