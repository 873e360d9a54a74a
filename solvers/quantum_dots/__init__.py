"""Few-electron quantum dots: one electron in the sine basis, several by full configuration interaction.

``solvers`` exports the public names. From a potential to a ``Solution`` the modules are, in this order:

    solve                       the public function: checks, pieces of a batch, units
    settings, ground_state      its arguments in effective atomic units; all steps for one piece
    single_particle             orbitals of one electron
    symmetry, shells            symmetries of V; orbitals, shells and densities that have them; the first M orbitals
    coulomb, active_space       integrals of M orbitals; refinement of the orbitals, estimate of the error
    determinants, pairs         strings of one spin; pairs of electrons taken out of a state
    configuration_interaction   lowest states of N electrons
    cusp                        energy of the electron-electron cusp beyond M orbitals
    density, expectation_values density matrices and densities; energies, spins, guards
    errors, leftover            estimates of what the truncation to M orbitals leaves
    solution, wavefunction      the results
    observables                 moments of the charge, charging energies
    hubbard, sites, localisation  the Hubbard model of several sites: couplings of localised orbitals
    site_count                  how many sites a potential has
    spectroscopy, transitions   optical and tunnelling spectra; dipoles and Dyson orbitals between states
    mixing              how far states mix through what V may be between its points
    stability, gate_points      the number of electrons over two gates; energies at points, kept on disk
    worker_processes            processes that solve points
    charge_lines, constant_interaction, stability_figure  lines, capacitances and the model fitted to them; the figure
    exchange, exchange_sweep, exchange_points, tensor_curve, exchange_figure  J over detuning and barrier
    options                     options of solve that functions of several dots pass on
    between_points, step_edges  errors by what V is between points: of energies; of their differences
    devices, device_files, gate_levels, random_voltages  gates of a chip to potentials; YAML and GDS; levels; voltages
    lever_arms                  shifts of the sites with each gate; virtual gates
    magnetic                    states in a magnetic field, with complex orbitals
    rayleigh                    energy of one electron from its density
    finite_difference           levels of one electron on a stencil
    potentials                  families of potentials
"""

__all__ = [
    "active_space",
    "between_points",
    "charge_lines",
    "configuration_interaction",
    "constant_interaction",
    "coulomb",
    "cusp",
    "density",
    "determinants",
    "device_files",
    "devices",
    "errors",
    "exchange",
    "exchange_figure",
    "exchange_points",
    "exchange_sweep",
    "expectation_values",
    "finite_difference",
    "gate_levels",
    "gate_points",
    "ground_state",
    "hubbard",
    "leftover",
    "lever_arms",
    "localisation",
    "magnetic",
    "mixing",
    "observables",
    "options",
    "pairs",
    "potentials",
    "random_voltages",
    "rayleigh",
    "settings",
    "shells",
    "single_particle",
    "site_count",
    "sites",
    "solution",
    "solve",
    "spectroscopy",
    "stability",
    "stability_figure",
    "step_edges",
    "symmetry",
    "tensor_curve",
    "transitions",
    "wavefunction",
    "worker_processes",
]
