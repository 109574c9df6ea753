"""The words that `synthetic` speaks: attributes of a user with their values and questions, and talk around them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Attribute:
    """One thing that a user has exactly one of. `{}` is the value; in `other` the first `{}` is somebody else."""

    name: str
    fact: str
    change: str
    other: str
    question: str
    values: tuple[str, ...]


ATTRIBUTES = (
    Attribute(
        "home", "I live in {} these days.", "I have moved, I live in {} now.", "{} lives in {}, by the way.",
        "Which city do I live in?",
        ("Ghent", "Tampere", "Porto", "Leeds", "Brno", "Turin", "Aarhus", "Malmö", "Graz", "Utrecht"),
    ),
    Attribute(
        "job", "I work as a {}.", "I changed jobs and work as a {} now.", "{} works as a {}.",
        "What is my job?",
        ("baker", "surveyor", "paramedic", "librarian", "welder", "translator", "beekeeper", "tram driver"),
    ),
    Attribute(
        "employer", "My employer is {}.", "I left, my employer is {} now.", "The employer of {} is {}.",
        "Who is my employer?",
        ("Norvik Foods", "Helmstone", "Bluefen Labs", "Ostra Rail", "Pinewright", "Calder Press", "Tessel Optics"),
    ),
    Attribute(
        "pet", "My pet is a {}.", "There is a change at home: my pet is a {} now.", "{} has a {} as a pet.",
        "What kind of pet do I have?",
        ("parrot", "greyhound", "tortoise", "ferret", "rabbit", "hedgehog", "corn snake", "gecko"),
    ),
    Attribute(
        "dish", "My favourite dish is {}.", "I changed my mind, my favourite dish is {} now.",
        "The favourite dish of {} is {}.", "What is my favourite dish?",
        ("lasagne", "pho", "goulash", "paella", "ramen", "pierogi", "moussaka", "falafel"),
    ),
    Attribute(
        "instrument", "I play the {}.", "I gave up the old one and play the {} now.", "{} plays the {}.",
        "Which instrument do I play?",
        ("cello", "accordion", "oboe", "banjo", "harp", "trombone", "ukulele", "viola"),
    ),
    Attribute(
        "car", "I drive a {}.", "I sold the car and drive a {} now.", "{} drives a {}.",
        "Which car do I drive?",
        ("Skoda Fabia", "Fiat Panda", "Volvo V60", "Toyota Yaris", "Dacia Duster", "Mazda 3", "Kia Niro"),
    ),
    Attribute(
        "language", "I am learning {}.", "I switched languages and am learning {} now.", "{} is learning {}.",
        "Which language am I learning?",
        ("Finnish", "Swahili", "Korean", "Basque", "Hungarian", "Icelandic", "Welsh", "Georgian"),
    ),
    Attribute(
        "allergy", "I am allergic to {}.", "It was a wrong diagnosis: I am allergic to {} instead.",
        "{} is allergic to {}.", "What am I allergic to?",
        ("peanuts", "latex", "shellfish", "birch pollen", "penicillin", "sesame", "kiwi"),
    ),
    Attribute(
        "sport", "My sport is {}.", "I stopped that, my sport is {} now.", "The sport of {} is {}.",
        "What is my sport?",
        ("rowing", "fencing", "bouldering", "judo", "curling", "handball", "archery", "squash"),
    ),
    Attribute(
        "colour", "I painted my kitchen {}.", "I painted my kitchen again, it is {} now.",
        "{} painted the kitchen {}.", "What colour is my kitchen?",
        ("turquoise", "mustard", "crimson", "olive", "lilac", "ivory", "charcoal"),
    ),
    Attribute(
        "doctor", "My dentist is Dr {}.", "I found a new dentist, Dr {}.", "The dentist of {} is Dr {}.",
        "Who is my dentist?",
        ("Halloran", "Okafor", "Lindqvist", "Moreau", "Petrov", "Tanaka", "Weiss"),
    ),
)  # fmt: skip

KINDS = (
    "brass", "green", "second-hand", "tiny", "striped", "wooden", "foldable", "antique", "silver", "heavy", "Danish",
    "blue",
)  # fmt: skip
THINGS = (
    "telescope", "sewing machine", "tent", "bread oven", "typewriter", "kayak", "hammock", "record player", "lantern",
    "microscope", "wheelbarrow", "rocking chair", "chess set", "fountain pen", "camera", "drill", "carpet", "aquarium",
    "mirror", "suitcase", "barometer", "ladder", "teapot", "globe", "violin case", "bookcase", "heater", "compass",
)  # fmt: skip
PLACES = (
    "Harrow Street", "the flea market", "Old Mill Lane", "the harbour shop", "Station Road", "the auction house",
    "Chapel Square", "the charity store", "Birch Avenue", "the museum shop", "Canal Quay", "the airport",
)  # fmt: skip
PURCHASES = (
    "Today I bought the {thing} at {place}.",
    "I just bought myself the {thing}, from {place} of all places.",
    "Guess what, I came home with the {thing} that I bought at {place}.",
)
OTHERS = (
    "my cousin Lena", "my neighbour Igor", "my colleague Priya", "my friend Tomás", "my sister Ada", "my boss Ruth",
    "my uncle Karl", "my flatmate Noor",
)  # fmt: skip
TOPICS = (
    "the weather", "the news", "that long film", "the train delays", "the weekend", "the noise outside", "the match",
    "this headache", "the new neighbours' party", "the queue this morning", "my inbox", "the heating", "the election",
)  # fmt: skip
SMALL_TALK = (
    "Ugh, {} again, what can you do.",
    "Can you tell me a joke about {}?",
    "Nothing much today, just thinking about {}.",
    "How would you describe {} in one word?",
    "Thanks, that helped. And then there is {}.",
    "Would you rather talk about {} or about nothing at all?",
)
ACKNOWLEDGEMENTS = (
    "Thanks for telling me.",
    "Got it.",
    "I see. How do you feel about it?",
    "Sounds good, anything else on your mind?",
    "Noted. Shall we go on?",
    "Understood.",
)
