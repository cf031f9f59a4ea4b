"""The panels that the tests run: how each is told to be plain, how it is started and measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

HEIGHT = 32
"""Of a panel, in pixels, if nothing else is asked for."""


@dataclass(frozen=True, slots=True)
class PanelProgram:
    """One panel; ``settings`` is what it reads at ``path`` below the config home.

    In its menus all rows are equally high; ``padding`` is above the first and below the last,
    ``separator`` the height of a line between them. All of these in pixels. ``menus`` is part of
    the class of the menus' windows.
    """

    argv: tuple[str, ...]
    path: str
    settings: str
    padding: int
    separator: int
    menus: str
    env: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The program, and so the class of its windows."""
        return self.argv[0]

    def settings_for(self, *, height: int, dark: bool) -> str:
        ground = "#2e3436" if dark else "#f6f5f4"
        return self.settings.format(height=height, dark=str(dark).lower(), ground=ground)


XFCE = PanelProgram(
    argv=("xfce4-panel", "--disable-wm-check"),
    path="xfce4/xfconf/xfce-perchannel-xml/xfce4-panel.xml",
    padding=4,
    separator=1,
    menus="rapper",
    env={"XDG_CURRENT_DESKTOP": "XFCE"},
    settings="""<?xml version="1.0" encoding="UTF-8"?>
<channel name="xfce4-panel" version="1.0">
  <property name="configver" type="int" value="2"/>
  <property name="panels" type="array">
    <value type="int" value="1"/>
    <property name="dark-mode" type="bool" value="{dark}"/>
    <property name="panel-1" type="empty">
      <property name="position" type="string" value="p=6;x=0;y=0"/>
      <property name="position-locked" type="bool" value="true"/>
      <property name="length" type="uint" value="100"/>
      <property name="size" type="uint" value="{height}"/>
      <property name="icon-size" type="uint" value="0"/>
      <property name="plugin-ids" type="array">
        <value type="int" value="1"/><value type="int" value="2"/>
      </property>
    </property>
  </property>
  <property name="plugins" type="empty">
    <property name="plugin-1" type="string" value="separator">
      <property name="expand" type="bool" value="true"/>
      <property name="style" type="uint" value="0"/>
    </property>
    <property name="plugin-2" type="string" value="systray">
      <property name="square-icons" type="bool" value="true"/>
      <property name="hide-new-items" type="bool" value="false"/>
    </property>
  </property>
</channel>
""",
)

LXQT = PanelProgram(
    argv=("lxqt-panel",),
    path="lxqt/panel.conf",
    padding=0,
    separator=2,
    menus="lxqt-panel",
    env={"XDG_CURRENT_DESKTOP": "LXQt", "QT_QPA_PLATFORM": "xcb"},
    settings="""[General]
panels=panel1

[panel1]
alignment=-1
animation-duration=0
background-color={ground}
desktop=0
hidable=false
iconSize=22
lineCount=1
opacity=100
panelSize={height}
plugins=spacer, statusnotifier
position=Top
width=100
width-percent=true

[spacer]
type=spacer
alignment=Left

[statusnotifier]
type=statusnotifier
alignment=Right
""",
)

MATE = PanelProgram(
    argv=("mate-panel",),
    path="glib-2.0/settings/keyfile",
    padding=4,
    separator=1,
    menus="notification-area-applet",
    env={"XDG_CURRENT_DESKTOP": "MATE", "GSETTINGS_BACKEND": "keyfile"},
    settings="""[org/mate/panel/general]
toplevel-id-list=['top']
object-id-list=['tray']

[org/mate/panel/toplevels/top]
size={height}

[org/mate/panel/objects/tray]
object-type='applet'
applet-iid='NotificationAreaAppletFactory::NotificationArea'
toplevel-id='top'
relative-to-edge='end'
position=10
""",
)
