from pystray._base import Icon as Icon
from pystray._base import Menu as Menu
from pystray._base import MenuItem as MenuItem
