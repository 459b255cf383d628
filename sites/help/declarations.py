"""What the guides declare: where the help of each page is."""

from sites.help.places import PLACES
from web.frame import declare_places

declare_places(PLACES)
