package packets_test

import (
	"fmt"

	"pbxjail/actions/packets"
)

// Compile turns a plan into rules that belong to no firewall yet.
func ExampleCompile() {
	rules, err := packets.Compile(packets.Plan{
		Ports: []packets.Ports{{First: 5060, Last: 5060}},
		FQDN:  []string{"pbx.example.net"},
	})
	fmt.Println(len(rules) > 0, err)
	_, err = packets.Compile(packets.Plan{FQDN: []string{"no name"}})
	fmt.Println(err)
	// Output:
	// true <nil>
	// the packet rules have no SIP ports
}
