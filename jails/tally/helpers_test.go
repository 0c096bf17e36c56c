package tally

import "pbxjail/jails/jailstest"

// What the tests of the judge and its rooms share, by short names.
var (
	addr     = jailstest.Addr
	start    = jailstest.Start()
	numbered = jailstest.Numbered
)
