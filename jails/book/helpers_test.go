package book

import "pbxjail/jails/jailstest"

// What the tests of the judge and its rooms share, by short names.
var (
	start    = jailstest.Start()
	addr     = jailstest.Addr
	prefix   = jailstest.Prefix
	numbered = jailstest.Numbered
)
