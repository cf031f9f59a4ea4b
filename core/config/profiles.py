"""The profiles of the config file: some of the servers under a name of their own."""

from __future__ import annotations

from core.config.fields import Place, Reading
from core.model.config import SERVER_NAME_PATTERN, Profile


def read_profiles(reading: Reading, place: Place | None) -> tuple[Profile, ...]:
    """Read ``[{"name": ..., "servers": [...]}]``.

    A server may be named that the file does not have (any more): taking a server out must not
    make the file unusable.
    """
    if place is None:
        return ()
    if not isinstance(place.node.value, list):
        reading.wrong_type(place, 'a list of profiles, [{"name": ..., "servers": [...]}]')
        return ()
    profiles: dict[str, Profile] = {}
    for item in reading.items(place):
        if reading.object(item) is None:
            continue
        name_place = reading.member(item, "name")
        name = reading.text(name_place)
        if name_place is None:
            reading.complain(f"{item.path}.name", "is missing: every profile needs a name", item)
        if name_place is None or name is None:
            continue
        if not SERVER_NAME_PATTERN.fullmatch(name):
            message = (
                "a profile's name is 1 to 64 of the letters A-Z and a-z, digits, '.', '_' and '-'"
            )
            reading.complain(name_place.path, message, name_place)
        elif name in profiles:
            reading.complain(name_place.path, "another profile has this name", name_place)
        profiles[name] = Profile(name, reading.texts(reading.member(item, "servers")))
    return tuple(profiles.values())
