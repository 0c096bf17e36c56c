package feeds_test

import (
	"fmt"
	"strings"

	"pbxjail/jails/feeds"
)

// A feed is a list of addresses. Addresses that no feed can mean are dropped.
func ExampleParse() {
	list, err := feeds.Parse(strings.NewReader("# attackers\n203.0.113.9\n198.51.100.7/24\n127.0.0.1\n"), "", 0)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(list.Format, list.Prefixes)
	for _, n := range list.Notes {
		fmt.Printf("line %d: %s\n", n.Line, n.What)
	}
	// Output:
	// text [198.51.100.0/24 203.0.113.9/32]
	// line 3: "198.51.100.7/24" is not the start of a network: read as 198.51.100.0/24
	// line 4: "127.0.0.1" is not an address of the public internet
}
