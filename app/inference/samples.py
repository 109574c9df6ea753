"""Sentences on which an export is compared with its source: short and long, plain and odd, several languages."""

SENTENCES = (
    "Hi!",
    "Yes, I think so too.",
    "Anna moved to Lisbon in May 2025.",
    "I used to live in Warsaw, but since last spring I have been in Porto.",
    "My sister is allergic to peanuts.",
    "My sister is not allergic to peanuts.",
    "The flight leaves at 6:45 from gate B22 and lands at noon.",
    "Could you remind me to call the dentist on Thursday?",
    "What did I say about the kitchen renovation?",
    "When is Maria's birthday?",
    "Who recommended the Thai restaurant near the station?",
    "We adopted a grey kitten and the children named her Pepper.",
    "I've been training for a half marathon; yesterday I ran 14 km in 1 h 20.",
    "She works as a nurse on night shifts at the county hospital.",
    "He quit smoking in 2019 and has been proud of it ever since.",
    "The quarterly report is due on Friday, and nobody has started on it.",
    "I prefer tea to coffee, but only in the afternoon.",
    "Please never suggest meat to me: I am a vegetarian.",
    "My budget for the new laptop is about 1,200 euros.",
    "The password of the guest network is on the fridge.",
    "Our car broke down on the motorway and we waited three hours for the tow truck.",
    "Grandma told us how she crossed the border on foot as a child.",
    "I finished reading the book that you lent me, and the ending made me cry.",
    "The doctor changed my dose from 10 mg to 5 mg because of the side effects.",
    "It rained all weekend, so we stayed in and played board games.",
    "He's learning the cello; the neighbours are learning patience.",
    "lol ok see u tmrw",
    "WHY IS THE DEPLOY FAILING AGAIN?!",
    "def mean(values): return sum(values) / len(values)",
    "SELECT name, count(*) FROM orders GROUP BY name HAVING count(*) > 3;",
    "Traceback (most recent call last): ValueError: invalid literal for int()",
    "https://example.org/tickets/48213?tab=history",
    "ORD-88213, AB12 CDE, +44 20 7946 0000",
    "3.14159 2.71828 1.41421",
    "🎉🎉 we won!! 🏆",
    "...",
    "Ich habe gestern meinen Schlüssel im Zug vergessen.",
    "Mañana tengo una entrevista de trabajo en Sevilla.",
    "Nous avons acheté une petite maison près de la mer.",
    "Завтра экзамен по химии.",
    "私は猫を二匹飼っています。",
    "我下个月要去北京出差。",
    "मुझे चाय बहुत पसंद है।",
    "The assistant suggested three hotels: one by the harbour, one near the museum and one in the old town.",
    "As we agreed in March, the invoice is split: forty percent now and the rest on delivery.",
    "The choir rehearses every Tuesday evening in the school gym, except during the holidays.",
    "My son's teacher said that he reads well above his age but hardly ever speaks up in class.",
    "We painted the bedroom dark green, and now the whole flat smells of fresh paint and ambition.",
    "I keep a list of words that I look up; yesterday's were 'petrichor', 'limn' and 'sonder'.",
    "He told me about his divorce during the hike, and then asked me not to mention it to anyone.",
    "Set the oven to 180 degrees, bake for 35 minutes, then let it rest before you cut it.",
    "The landlord raised the rent by eight percent, which is why we are looking for something smaller.",
    "I have two brothers: Tom, who is a carpenter in Leeds, and Alex, who teaches physics in Toronto.",
    "My passport expires in November 2027; the visa takes six weeks, so I should apply before the summer.",
    "After the surgery I could not drive for a month, and my colleague picked me up every single morning.",
    "The meeting moved from Monday at nine to Wednesday at four because half of the team is travelling.",
    "She started with pottery as a hobby, sold a few bowls at the market, and now she rents a studio.",
    "For the trip we need the tent, two sleeping bags, the stove, a torch, the blue rope and the water filter.",
    "Thank you for listening. It was a hard week, and writing to you in the evening has helped me to sleep.",
    "The dog is called Biscuit, he is four, he hates the vacuum cleaner and he loves the lady who lives upstairs.",
    (
        "First we visited the cathedral, then we had lunch by the river, and in the afternoon we climbed the "
        "tower, from which one can see the mountains on a clear day; it was not a clear day, but the cake "
        "afterwards was good."
    ),
    (
        "I have decided to apply for the scholarship after all. The form asks for two references, a letter of "
        "motivation and a list of publications, and everything has to be in by the fifteenth of January, so I "
        "will write the letter over the holidays and ask Professor Lindqvist and my old supervisor for the "
        "references before they leave."
    ),
    (
        "Here is the summary that you asked for. The project began in 2021 with a small grant, and grew to eleven "
        "people within two years. The first version was used by three schools, the second by forty. What went "
        "well: the teachers were involved from the first day. What went badly: we underestimated how long it "
        "takes to translate the material, and we lost a whole season because a supplier went out of business. "
        "What we would do again: publish everything."
    ),
    (
        "When my grandfather was young he kept bees, and he used to say that a hive is like a village: everyone "
        "is busy, nobody is in charge, and somehow it works. He taught me how to open the hive slowly, how to "
        "look for the queen, and how to tell from the sound whether the bees are calm. Last summer I bought two "
        "hives of my own. One swarmed in June while we were away, and the neighbours were not amused. The other "
        "gave eleven kilos of honey, which I put into small jars with his name on the label, and I sent one to "
        "each of my cousins for the holidays."
    ),
)
