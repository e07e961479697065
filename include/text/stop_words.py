"""English stop words, as the tokenizer returns them."""

from typing import Final

_WORDS: Final = """
    a about above after again against ain all also although always am an and another any anybody
    anyone anything anyway are aren around as ask asked asking at away back be because been before
    being below besides best better between both but by came can cannot cant come could couldn
    did didn do does doesn doing don done dont down due during each edit either else enough enter
    etc even ever every everyone everything exactly far few find first following for found from
    further gave get gets getting give given gives goes going gone good got had hadn happen
    happens hard has hasn have haven having he hello help hence her here hers herself hey hi him
    himself his hope how however i idea if im in indeed instead into is isn it its itself ive just
    keep kind know known last later least less let lets like likely ll look looking looks lot made
    make makes making many may maybe me mean means might mine more most much must my myself near
    nearly need needed needs neither never next no none nor not nothing now of off often oh ok okay
    old on once one only onto or other others otherwise our ours ourselves out over own particular
    per perhaps please possible possibly pretty put question quite rather re really reason right
    said same saw say says see seem seems seen shall shan she should shouldn show shows similar
    simply since so some somebody somehow someone something sometimes somewhere soon still stuck
    such sure take taken than thank thanks that the their theirs them themselves then there
    therefore these they thing things think this those though thought through thus till to together
    told too took toward tried tries true try trying two understand unless until up upon us use
    used uses using usually various ve very via want wanted wants was wasn way ways we well went
    were weren what whatever when where whereas whether which while who whoever whole whom whose
    why will with within without won wonder wondering word words work worked working works would
    wouldn yes yet you your yours yourself yourselves
"""

STOP_WORDS: Final = frozenset(_WORDS.split())
