package actions_test

import (
	"fmt"
	"net/netip"
	"time"

	"pbxjail/actions"
	"pbxjail/configs/ports"
)

// An Enforcer gets prefixes, ports and times. This one, observe, drops nothing.
func ExampleOpen() {
	e, _, err := actions.Open("observe", actions.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer e.Close()
	if _, _, err := e.Setup(); err != nil {
		fmt.Println(err)
		return
	}
	attacker := netip.MustParsePrefix("203.0.113.9/32")
	if err := e.Ban(attacker, ports.All, time.Hour); err != nil {
		fmt.Println(err)
	}
	fmt.Println(e.Name())
	fmt.Println(e.Unban(attacker))
	// Output:
	// observe, nothing is dropped
	// <nil>
}
