"""The generators that shapes are made with: where Infinigen keeps them, and of what class they are.

Left out are those whose shapes take minutes (beds), are mere boxes once simplified (appliances), or
hold nothing that counts as inside.
"""

from __future__ import annotations

from dataclasses import dataclass

from onet_core.errors import InputError

_OBJECTS = "infinigen.assets.objects"


@dataclass(frozen=True)
class Generator:
    """One of Infinigen's factories.

    name: with which shapes' names begin.
    category: of its shapes.
    module, factory: where it is in the package.
    """

    name: str
    category: str
    module: str
    factory: str

    def shape(self, seed: int) -> str:
        """The name of what it makes of a seed."""
        return f"proc-{self.name}-{seed:04d}"

    @property
    def group(self) -> str:
        """Of all its shapes, which are alike: none of them may be measured on if one is learned."""
        return f"proc-{self.factory.removesuffix('Factory').lower()}"


GENERATORS = {
    name: Generator(name, category, f"{_OBJECTS}.{module}", factory)
    for name, category, module, factory in (
        ("chair", "chair", "seating.chairs.chair", "ChairFactory"),
        ("office-chair", "chair", "seating.chairs.office_chair", "OfficeChairFactory"),
        ("bar-chair", "chair", "seating.chairs.bar_chair", "BarChairFactory"),
        ("arm-chair", "chair", "seating.sofa", "ArmChairFactory"),
        ("sofa", "sofa", "seating.sofa", "SofaFactory"),
        ("table-dining", "table", "tables.dining_table", "TableDiningFactory"),
        ("coffee-table", "table", "tables.dining_table", "CoffeeTableFactory"),
        ("side-table", "table", "tables.dining_table", "SideTableFactory"),
        ("table-cocktail", "table", "tables.cocktail_table", "TableCocktailFactory"),
        ("simple-desk", "table", "shelves.simple_desk", "SimpleDeskFactory"),
        ("desk-lamp", "lamp", "lamp.lamp", "DeskLampFactory"),
        ("floor-lamp", "lamp", "lamp.lamp", "FloorLampFactory"),
        ("ceiling-classic-lamp", "lamp", "lamp.ceiling_classic_lamp", "CeilingClassicLampFactory"),
        ("ceiling-light", "lamp", "lamp.ceiling_lights", "CeilingLightFactory"),
        ("single-cabinet", "cabinet", "shelves.single_cabinet", "SingleCabinetFactory"),
        ("kitchen-cabinet", "cabinet", "shelves.kitchen_cabinet", "KitchenCabinetFactory"),
        ("tv-stand", "cabinet", "shelves.cell_shelf", "TVStandFactory"),
        ("cell-shelf", "bookshelf", "shelves.cell_shelf", "CellShelfFactory"),
        ("large-shelf", "bookshelf", "shelves.large_shelf", "LargeShelfFactory"),
        ("simple-bookcase", "bookshelf", "shelves.simple_bookcase", "SimpleBookcaseFactory"),
        ("triangle-shelf", "bookshelf", "shelves.triangle_shelf", "TriangleShelfFactory"),
        ("monitor", "display", "appliances.tv", "MonitorFactory"),
        ("tv", "display", "appliances.tv", "TVFactory"),
        ("bathtub", "bath", "bathroom.bathtub", "BathtubFactory"),
        ("standing-sink", "bath", "bathroom.bathroom_sink", "StandingSinkFactory"),
        ("toilet", "bath", "bathroom.toilet", "ToiletFactory"),
        ("basket-base", "container", "organizer.basket", "BasketBaseFactory"),
        ("bottle", "container", "tableware.bottle", "BottleFactory"),
        ("cup", "tableware_food", "tableware.cup", "CupFactory"),
        ("knife", "tableware_food", "tableware.knife", "KnifeFactory"),
    )
}


def find_generators(names: tuple[str, ...]) -> list[Generator]:
    """Those of the names. Raises InputError for unknown ones."""
    unknown = sorted(set(names) - set(GENERATORS))
    if unknown:
        raise InputError(
            f"There is no generator {', '.join(unknown)}; there are {', '.join(GENERATORS)}."
        )
    return [GENERATORS[name] for name in dict.fromkeys(names)]
