"""Words that tell that something is over, done, moved or replaced, and those that say nothing of what it is. English.

Read by `outdating`; another language is another module with the same names.
"""

import re


def _pattern(words: str) -> re.Pattern[str]:
    return re.compile(
        rf"\b(?:{'|'.join(' '.join(line.split()) for line in words.strip().splitlines())})\b", re.IGNORECASE
    )


# What was still to come or to be done has happened.
DONE = _pattern(
    r"""
    finish(?:ed|es)?|completed|(?:is|are|was|were|got|all|finally|now) done|done (?:on|with|now|and dusted)
    passed|(?:is|are|was|were|all|finally) over|paid (?:off|up|back|for)|settled|repaid|handed in|submitted
    delivered|arrived|went (?:so |really |very |quite )?(?:well|fine|ok|badly|great|smoothly)|renewed|returned
    gave back|given back|brought back|picked up|collected|sorted|fixed|repaired|healed|recovered|signed|ran out
    expired|came off|is off|off since|went live|published|launched|transferred|sent off
    behind (?:me|us|the user)|is gone|are gone|is out|was born|have arrived|has arrived|in the bag|ticked off
    wrapped up|graduated|is finished
    """
)
# A state, a habit or an arrangement has ended, or a plan was given up.
OVER = _pattern(
    r"""
    (?<!not )(?<!cannot )(?<!just )stop(?:s|ped)?|(?<!not )quits?|gave up|given up|gives up|drop(?:s|ped)?
    cancell?ed|called off|is off|are off|fell through|pulled out|withdrew|withdrawn|scrapped|ditched|sold
    gave away|got rid of|no longer|any ?more|any longer|broke up|split up|is out|are out|no more|switched off
    ended|deleted|uninstalled|unsubscribed|let go|died|passed away|moved out|left|is leaving|leaves|resigned
    retired|fired|(?:is|are|'s|long|all) gone|expelled|closed down|shut down|went bust|has ended|is over
    was over|are over|done with|gone off|took out of|lost (?!in\b)|handed over|given away|donated|thrown out
    threw out|skips|not .{1,25} again|never again|is dead|dissolved|outgrew|outgrown|weaned off|came off
    kicked out|backed out|bailed|fell apart|did nothing
    """
)
# Somebody is no longer where or with whom they were.
LEFT = _pattern(
    r"""
    moved out|left|(?:is|are) leaving|leaves|resigned|retired|died|passed away|broke up|split up|(?:is|are) gone
    was fired|laid off|quit the (?:band|team|group|job|choir|club)|got divorced|separated|dumped|emigrated
    dropped out
    """
)
# Another date or another thing instead.
MOVED = _pattern(
    r"""
    moved|moves|postponed|pushed|deferred|re-?scheduled|brought forward|delayed|shifted|changed|changes|switched
    switches|replaced|swapped|traded|upgraded|migrated|converted|renamed|instead(?: of)?|rather than|is now
    are now|new|now|from now on|these days|turned into|became|becomes|up to|down to|as of|since then|took over
    takes over|exchanged|has become|promoted|raised|lowered|increased|reduced|extended|cut to|put up
    """
)
# Said of what is added, is an exception or is not sure.
BESIDE = _pattern(
    r"""
    also|too|another|as well|additional(?:ly)?|second|third|besides|for once|this time|for a change|might|maybe
    perhaps|possibly|would|could|wants|hopes?|wish(?:es)?|thinking|considering|considers|sometimes|usually
    visit(?:s|ed|ing)?
    """
)
# What is open: to be done, owed, taken or worked on until some time.
OPEN = _pattern(
    r"""
    needs?|has to|have to|must|owes?|owed|is paying|pays|is taking|takes|due|until|till|by|deadline|plans?
    planning|is going|going to|is waiting|waits|expects?|is expecting|training|trains|is preparing|prepares
    is working on|is writing|is reading|is looking for|looking for|is learning|is saving|saves|goal|appointment
    scheduled|booked|borrowed|lent|on loan|still|missing|broken|is ill|is sick|injured|cast|waiting|rents?
    renting|rented|fostering|is trying|on the list|to-do|todo
    """
)
OWING = _pattern("owes?|owed|is paying|pays back|paying back|lent|borrowed|loan|debt|instal?lments?")
# Whom and what somebody lives, works, plays or is with, or uses: that ends when the other one goes.
TOGETHER = _pattern(
    r"""
    uses?|using|subscribed|subscription|account|contract|membership|flatmates?|roommates?|housemates?
    lives? with|shares? (?:a|the|an)|together|dating|seeing|couple|married|engaged|girlfriend|boyfriend|partner
    fianc\w+|wife|husband|band|team|sings|drums|plays (?:bass|guitar|drums|keys)|boss|manager|colleague|teacher
    tutor|coach|landlord|landlady|works with|in the (?:band|team|choir|group|club)
    """
)
# Too common to tell what a statement is about, as stems.
COMMON_WORDS = """
    time day week month year morning evening night today hour minute thing things stuff lot way bit kind part
    one two three people person somebody everyone man woman guy life world home house place work job good great
    nice new old big small little long short high low last next first second best better bad right left sure
    happy sad hard easy ready fun free full real go goes going went come comes came get gets got make makes made
    take takes took give gives gave put keep keeps kept know knows knew think thinks thought say says said tell
    tells told see sees saw look looks looked want wants wanted need needs needed like likes liked love loves
    loved feel feels felt find finds found use uses used try tries tried let ask asks asked talk talks talked
    help helps helped start starts started begin begins began stop stops stopped finish finished done plan plans
    planned move moves moved change changes changed switch switched stay stays stayed leave leaves live lives
    lived works worked play plays run runs ran read reads pay pays paid buy buys bought sell sold bring brings
    brought show shows meet meets met call calls called user users note notes question answered standing request
    assistant also another still really very just now always never often sometimes usually ever even much many
    more most less least whole half every each back away around together later soon already yet again instead
    anymore longer since until till end beginning January February March April May June July August September
    October November December Monday Tuesday Wednesday Thursday Friday Saturday Sunday monday tuesday weekend
    weekends mornings evenings chance idea reason case point fact problem issue experience story dream dreams
    support goal goals friend friends family moment moments amazing awesome cool excited exciting proud special
    hope wonderful beautiful interesting favorite favourite video pic picture photo book books game games music
    movie group community team project business
    """
