package parsers_test

import (
	"fmt"
	"time"

	"pbxjail/parsers"
)

// A Parser reads one log. Of a record that means nothing it emits no event.
func ExampleParser() {
	p := parsers.New(parsers.Clock{})
	log := `[2026-01-02 03:04:05] NOTICE[1638] chan_sip.c: Registration from '"301" <sip:301@pbx.example>' failed for '203.0.113.9:5071' - Wrong password
[2026-01-02 03:04:06] VERBOSE[1638] pbx.c: Executing [s@default:1] NoOp
`
	p.Block([]byte(log), false, time.Time{}, func(e *parsers.Event) {
		fmt.Println(e.Result, e.Kind, e.Service, e.Addr, e.Evidence)
		fmt.Println(e.Rule)
	})
	// Output:
	// offence bad-password sip 203.0.113.9 seen
	// C1 sip wrong password
}
