"""The chemistries that come with taylord; each is a factory named by an entry point."""

from importlib.metadata import entry_points

from simulators.kinetics import Chemistry, MassAction, Reaction, SpeciesData

GROUP = "taylord.chemistries"


def chemistry_names() -> list[str]:
    """Return the names of all installed chemistries, sorted."""
    return sorted({entry.name for entry in entry_points(group=GROUP)})


def load_chemistry(name: str) -> Chemistry:
    """Return an installed chemistry by name; raise KeyError that names those there are."""
    for entry in entry_points(group=GROUP):
        if entry.name == name:
            return entry.load()()
    raise KeyError(f"no chemistry {name!r}; installed are {', '.join(chemistry_names())}")


def snar_hone_2017() -> MassAction:
    """Return the SnAr of 2,4-difluoronitrobenzene with pyrrolidine (doi:10.1039/C6RE00109B).

    Rate constants at 90 degC in L/(mol s) and activation energies in kJ/mol; ``ortho`` is the
    product wanted, ``para`` its isomer, ``bis`` the doubly substituted one. The peaks are the
    aromatic protons (one next to the nitro group, set apart from each other) and the N-CH2 of free
    pyrrolidine.
    """
    species = {
        "dfnb": SpeciesData(159.09, 8.05, 8.25, 1),
        "pyrrolidine": SpeciesData(71.12, 2.70, 2.95, 4),
        "ortho": SpeciesData(210.21, 7.70, 7.90, 1),
        "para": SpeciesData(210.21, 8.35, 8.55, 1),
        "bis": SpeciesData(261.32, 5.60, 5.80, 1),
    }
    amine = "pyrrolidine"
    steps = (
        Reaction({"dfnb": 1, amine: 1}, {"ortho": 1}, 0.579, 90.0, 33.3),
        Reaction({"dfnb": 1, amine: 1}, {"para": 1}, 0.0270, 90.0, 35.3),
        Reaction({"ortho": 1, amine: 1}, {"bis": 1}, 0.00865, 90.0, 38.9),
        Reaction({"para": 1, amine: 1}, {"bis": 1}, 0.0163, 90.0, 44.8),
    )
    return MassAction("snar-hone-2017", species, steps, limiting="dfnb", product="ortho")


def consecutive() -> MassAction:
    """Return A → P → D, first order: too long or too hot and the product is lost."""
    species = {
        "A": SpeciesData(100.0, 7.0, 7.4, 1),
        "P": SpeciesData(100.0, 5.0, 5.4, 1),
        "D": SpeciesData(100.0, 3.0, 3.4, 1),
    }
    steps = (
        Reaction({"A": 1}, {"P": 1}, 0.05, 80.0, 60.0),
        Reaction({"P": 1}, {"D": 1}, 0.01, 80.0, 85.0),
    )
    return MassAction("consecutive", species, steps, limiting="A", product="P")


def three_catalysts() -> MassAction:
    """Return a coupling with one of three catalysts: made up, to choose among them.

    ``cat_a`` is fast and dies when it is hot, ``cat_b`` is slower and lasts, ``cat_c`` is slow.
    Third order, L2/(mol2 s): the rate grows with both reagents and the catalyst; activation
    energies in kJ/mol. The product is lost slowly in the heat.
    """
    species = {
        "halide": SpeciesData(157.0, 7.70, 7.90, 2),
        "boronate": SpeciesData(204.1, 1.20, 1.45, 12),
        "product": SpeciesData(154.2, 7.30, 7.55, 4),
        "waste": SpeciesData(154.2, 6.80, 7.10, 4),
        "cat_a": SpeciesData(700.0, 0.20, 0.35, 9),
        "cat_b": SpeciesData(600.0, 0.45, 0.60, 9),
        "cat_c": SpeciesData(500.0, 0.70, 0.85, 9),
    }
    steps = [
        Reaction({"halide": 1, "boronate": 1, name: 1}, {"product": 1, name: 1}, k, 60.0, ea)
        for name, k, ea in (("cat_a", 6.0, 50.0), ("cat_b", 1.5, 62.0), ("cat_c", 0.5, 70.0))
    ]
    steps += [
        Reaction({name: 1}, {}, k, 60.0, ea)
        for name, k, ea in (("cat_a", 0.004, 115.0), ("cat_b", 2e-5, 110.0), ("cat_c", 2e-5, 110.0))
    ]
    steps.append(Reaction({"product": 1}, {"waste": 1}, 1e-5, 60.0, 95.0))
    return MassAction("three-catalysts", species, steps, limiting="halide", product="product")
