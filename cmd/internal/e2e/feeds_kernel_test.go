package e2e

import (
	"fmt"
	"strings"
	"testing"
)

// TestFeedThatBans: a feed drops its addresses without any line, in both families
// and under each way of enforcing, and not who is protected inside of it.
func TestFeedThatBans(t *testing.T) {
	const bad4, bad6, office = "198.51.100.9", "2001:db8:a1::9", "198.51.100.7"
	for _, enforcer := range []string{"ipset", "nftables"} {
		t.Run(enforcer, func(t *testing.T) {
			p := newPBX(t, "enforcer: "+enforcer, "ignoreip: ["+office+"]")
			p.write("list", "198.51.100.0/24\n2001:db8:a1::/64\n")
			p.configure(fmt.Sprintf("feeds: [{name: bad, file: %s, use: ban}]", p.path("list")))
			p.wantAnswers(true, bad4, bad6, office)
			p.start()
			p.eventually("the feed in the kernel", func() bool { return !p.answered(bad4) && !p.answered(bad6) })
			p.wantAnswers(true, office, "203.0.113.9")
			wantMatch(t, p.ctl("why", bad4), `all packets of this address, because feeds list it: bad`)
			if out := p.ctl("why", office); strings.Contains(out, "all packets of this address") {
				t.Errorf("got %q for who is protected", out)
			}
			wantMatch(t, p.refused("unban", bad4), `these feeds list this address: bad\nhint: to let in this address: jailctl allow`)
			wantMatch(t, p.ctl("feeds"), `^bad +ban +2 `)

			// what others flush comes back with the bans
			p.kernel("iptables", "-t", "raw", "-F")
			if enforcer == "nftables" {
				p.kernel("nft", "flush", "ruleset")
			}
			p.eventually("the feed in the kernel again", func() bool { return !p.answered(bad4) })

			// a shorter list unbans what it no longer names
			p.write("list", "2001:db8:a1::/64\n")
			p.eventually("the shorter list", func() bool { return p.answered(bad4) && !p.answered(bad6) })
		})
	}
}
