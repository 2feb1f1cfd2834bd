"""Spellings of makes, models and trims: tables that map each spelling to one token."""

import re

MAKES = tuple(
    (
        "acura alfa-romeo aston-martin audi bentley bmw buick cadillac chevrolet chrysler daewoo datsun "
        "dodge ferrari fiat fisker ford freightliner genesis geo gmc harley-davidson hino honda hummer "
        "hyundai infiniti international isuzu jaguar jeep kawasaki kenworth kia lamborghini land-rover "
        "lexus lincoln lotus mack maserati mazda mclaren mercedes-benz mercury mini mitsubishi morgan "
        "nissan oldsmobile peterbilt plymouth pontiac porsche ram rolls-royce saab saturn scion smart "
        "sterling subaru suzuki tesla toyota volkswagen volvo winnebago workhorse yamaha"
    ).split()
)

MAKE_PAIRS = {
    "land rover": "land-rover",
    "range rover": "land-rover",
    "alfa romeo": "alfa-romeo",
    "aston martin": "aston-martin",
    "mercedes benz": "mercedes-benz",
    "harley davidson": "harley-davidson",
    "rolls royce": "rolls-royce",
}

_MAKE_SPELLINGS = {
    "chevrolet": "chevy chev chevorlet chevrolete cheverolet chevolet chevroelt cheve",
    "volkswagen": "vw volkswagon volkwagen volkswagan volskwagen wolkswagen volkswagens",
    "mercedes-benz": "mercedes mercedez benz mercedesbenz",
    "mercury": "merc",
    "toyota": "toyta toyoto tyota",
    "hyundai": "hyundia hundai hyundi huyndai hyndai",
    "chrysler": "crysler chrystler",
    "cadillac": "cadilac caddilac caddy",
    "infiniti": "infinity infinti",
    "mitsubishi": "mitsubshi mitsubichi",
    "nissan": "nisan nissian",
    "porsche": "porche",
    "subaru": "suburu subura",
    "land-rover": "landrover rover",
    "alfa-romeo": "alfa alfaromeo romeo",
    "aston-martin": "aston",
    "oldsmobile": "olds oldsmobil",
    "lincoln": "lincon",
    "bmw": "bmws",
    "honda": "hond",
    "dodge": "dodg",
    "pontiac": "pontaic",
    "harley-davidson": "harley",
    "isuzu": "izuzu",
    "maserati": "massarati",
    "lexus": "lexas",
    "acura": "acurra",
    "buick": "buik",
    "jeep": "jeeps",
}
MAKE_BY_SPELLING = (
    {make: make for make in MAKES}
    | {make.replace("-", ""): make for make in MAKES}
    | {word: make for make, words in _MAKE_SPELLINGS.items() for word in words.split()}
)
# these makes are also tokens of other makes' models: they are read as the make only where none is stated
AMBIGUOUS_MAKES = frozenset({"genesis", "international", "mini", "ram", "smart", "sterling"})

_TOKEN_SPELLINGS = {
    "4d": "4door 4dr",
    "2d": "2door 2dr",
    "4x4": "4wd 4wheel",
    "4x2": "2wd 2x4",
    "awd": "allwheel quattro 4matic xdrive",
    "avalanche": "avanlanche",
    "camaro": "camero",
    "camry": "camery",
    "caravan": "carvan",
    "challenger": "chalenger",
    "cherokee": "cherokkee",
    "convertible": "cnvrtbl conv convt convertable covertible convertibl cabriolet",
    "corolla": "corrolla carolla corola",
    "corvette": "vett vette corvett",
    "coupe": "cpe",
    "crewcab": "crew crewmax supercrew",
    "crosstrek": "crosstreck",
    "denali": "denail denalli",
    "diesel": "dsl diesal deisel duramax cummins powerstroke tdi turbodiesel",
    "double": "dbl",
    "drw": "dually duelly dualie",
    "elantra": "elentra elantara",
    "expedition": "expediton",
    "extcab": "ext extended xcab supercab kingcab",
    "explorer": "explore",
    "forester": "forrester forestor",
    "hatchback": "hatch",
    "highlander": "highlandr",
    "hybrid": "hybird",
    "lariat": "lariet larait",
    "legacy": "legecy",
    "longbed": "lwb",
    "ltd": "limited limted limitd",
    "malibu": "malibue",
    "manual": "manuel stick",
    "odyssey": "oddessy odessey oddyssey odyssy",
    "outback": "outbak",
    "pickup": "pick",
    "platinum": "plat platnum",
    "premium": "prem",
    "quadcab": "quad",
    "sd": "superduty",
    "sedan": "sdn sed",
    "shortbed": "swb",
    "sienna": "siena siennna",
    "sierra": "sierre seirra",
    "silverado": "silvarado siverado silverdo sliverado",
    "sonata": "sontata",
    "tacoma": "tocoma tacoman",
    "touring": "tourning",
    "truck": "trk",
    "tundra": "tundar",
    "unlimited": "unltd unlimted unlim",
    "v6": "6cyl",
    "v8": "8cyl",
    "wagon": "wgn sw",
    "wrangler": "wrangeler wranger",
}
TOKEN_BY_SPELLING = {word: token for token, words in _TOKEN_SPELLINGS.items() for word in words.split()}

# words of the advertisement that do not describe the car
NOISE = frozenset(
    (
        "the and with w for sale one owner clean title low miles only new nice amp a of in by to cab great "
        "loaded must see"
    ).split()
)

# first tokens of families with two: grand cherokee, santa fe, crown victoria
FAMILY_OPENERS = frozenset("crown el grand grandam land monte range rav santa town transit".split())

# tokens that precede the family in some texts: super duty f250, 4x4 tacoma
BEFORE_FAMILY = frozenset(
    "2d 4d 4x2 4x4 awd crewcab diesel extcab fwd hybrid lifted pickup rwd sd truck".split()
)

# a load class without a family means the pickup of the make
PICKUP_OF_MAKE = {"chevrolet": "silverado", "gmc": "sierra"}

# families of only one make: the make is inferred from them where the seller does not state it
_FAMILIES_OF_MAKE = {
    "acura": "mdx rdx tsx integra",
    "buick": "lacrosse lesabre enclave encore",
    "cadillac": "escalade deville cts srx",
    "chevrolet": (
        "silverado corvette camaro tahoe suburban impala malibu equinox traverse colorado express cavalier "
        "trailblazer blazer s10 cruze avalanche uplander venture astro trax cobalt"
    ),
    "chrysler": "towncountry ptcruiser sebring pacifica",
    "dodge": "caravan durango challenger charger dakota nitro journey avenger",
    "ford": (
        "f150 f250 f350 f450 f550 f650 mustang ranger focus escape explorer expedition taurus thunderbird "
        "e150 e250 e350 e450 fusion bronco edge econoline"
    ),
    "gmc": "sierra yukon acadia savana",
    "honda": "civic accord odyssey crv element",
    "hyundai": "elantra sonata tucson veloster",
    "infiniti": "g35 g37 qx56",
    "jeep": "wrangler cherokee compass patriot cj7 renegade",
    "kia": "sorento sportage optima soul",
    "lexus": "es350 rx350 is250",
    "mazda": "miata mx5 cx5",
    "mercury": "milan sable mountaineer",
    "mitsubishi": "mirage eclipse lancer outlander",
    "nissan": "sentra altima versa maxima frontier murano rogue pathfinder titan 370z 350z",
    "oldsmobile": "alero",
    "pontiac": "firebird",
    "ram": "promaster",
    "subaru": "outback impreza legacy forester crosstrek wrx",
    "toyota": "tundra tacoma prius camry corolla sienna 4runner highlander rav4 avalon sequoia",
    "volkswagen": "jetta golf tiguan passat beetle eurovan vanagon",
    "volvo": "s60 xc90 xc60",
}
MAKE_OF_FAMILY = {word: make for make, words in _FAMILIES_OF_MAKE.items() for word in words.split()}

_SERIES = (
    "gl|glk|glc|gle|gls|ml|cls|clk|cla|slk|sl|gla|is|es|gs|ls|rx|gx|lx|nx|rc|ct|fx|ex|qx|jx|ux|c|e|s|g|m"
)
_REWRITES = (
    (r"\b(?:19[89]\d|20[012]\d)\b(?!\s*(?:hd|lb))", " "),  # the model year, typed into the name
    (r"\bf ?(\d{3}) ?(?:sd|super ?duty)\b", r"f\1 sd"),
    (r"\bf ?(\d{3})(xlt?|lariat)?\b", r"f\1 \2 "),
    (r"\be ?(150|250|350|450)\b", r"e\1"),
    (r"\bsuper duty\b", "sd"),
    (r"\b(?:super ?crew(?: cab)?|crew ?cab|crew ?max(?: cab)?)\b", "crewcab"),
    (r"\bquad ?cab\b", "quadcab"),
    (r"\bmega ?cab\b", "megacab"),
    (r"\bdouble ?cab\b", "doublecab"),
    (r"\b(?:regular|reg|single|std) ?cab\b", "regcab"),
    (r"\b(?:ext(?:ended)?|extra|access|king|club|super) ?cab\b", "extcab"),
    (r"\b(?:4|four) ?(?:wd|x4|wheel drive)\b|\b4 x 4\b", "4x4"),
    (r"\b(?:2|two) ?(?:wd|wheel drive)\b|\b4 x 2\b", "4x2"),
    (r"\ball wheel(?: drive)?\b", "awd"),
    (r"\bfront wheel drive\b", "fwd"),
    (r"\brear wheel drive\b", "rwd"),
    (r"\b(\d) ?(?:doors?|drs?)\b", r"\1d"),
    (r"\b(\d) ?cyl(?:inders?)?\b", r"cyl\1"),
    (r"\bv ?(6|8|10|12)\b", r"v\1"),
    (r"\b(\d\.\d) ?(?:l|liter|litre|lt|ltr)\b", r"\1l"),
    (r"\b(c|h)r ?v\b", r"\1rv"),
    (r"\bcx ?(\d)\b", r"cx\1"),
    (r"\bmx ?5\b", "mx5"),
    (r"\brav ?4\b", "rav4"),
    (r"\b4 ?runner\b", "4runner"),
    (r"\bmazda ?(\d|cx\d)\b", r"\1"),
    (r"\bpt ?cruiser\b", "ptcruiser"),
    (r"\bq ?x ?(\d\d)\b", r"qx\1"),
    (r"\btown (?:and|n|amp)? ?country\b", "towncountry"),
    (r"\bs ?10\b", "s10"),
    (r"\bz ?71\b", "z71"),
    (r"\bpro ?4x\b", "pro4x"),
    (r"\btrail ?blazer\b", "trailblazer"),
    (r"\bex ?l\b", "exl"),
    (r"\b(c|e|s|g|m|a|b|r|gl|gla|glc|gle|gls|ml|cl|cla|clk|cls|sl|slk) ?class\b", r"\1class"),
    (r"\bmodel ?(3|s|x|y)\b", r"model\1"),
    (r"\b([1-8]) ?series\b", r"\1series"),
    (rf"\b({_SERIES}|q|x|a|tl|rl|mkx|xc|i) (\d{{2,3}}[a-z]{{0,2}})\b", r"\1\2"),
    (r"\b(x|q|a|s|z|m|i|g|c) (\d)\b", r"\1\2"),
    (r"\b(1500|2500|3500)(hd|ld)\b", r"\1 \2"),
    (r"\bsilverado(\d)", r"silverado \1"),
    (r"\b(?:c|k|ck) ?(1500|2500|3500)\b", r"\1"),
    (r"\bnew beetle\b", "beetle"),
    (r"\bgt ?i\b", "gti"),
    (r"\bwr ?x\b", "wrx"),
    (r"\btrd ?pro\b", "trdpro"),
    (r"\boff ?road\b", "offroad"),
    (r"\bhigh country\b", "highcountry"),
    (r"\bking ranch\b", "kingranch"),
    (r"\bbig ?horn\b", "bighorn"),
    (r"\blone ?star\b", "lonestar"),
)
REWRITES = tuple((re.compile(pattern), text) for pattern, text in _REWRITES)
