"""Quantum dots in a magnetic field: ``solve_in_field`` and ``field_sweep``.

From a potential to a ``FieldSolution`` the modules are, in this order:

    field                     the field in tesla and in effective atomic units
    solve, dot                the public function; all steps for one dot
    one_electron, orbitals    H in the sine basis with closed forms of x and d/dx; its lowest orbitals
    interaction               Coulomb integrals of complex orbitals
    sectors, multiplets       H for given S_z, density matrices; the lowest states of every total spin
    hermitian                 block Davidson for one Hermitian matrix
    space                     refinement of the orbitals, and what they miss
    coupling                  states mixed by a field in the plane that grows along x
    observables, errors       densities, currents, angular momenta; error bars
    results, solution         all numbers of one dot; the result of several
    sweep                     levels against the field, and their crossings
"""
