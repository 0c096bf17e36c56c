package actions

import (
	"testing"
	"time"

	"pbxjail/actions/kerneltest"
)

// TestTCPEnds: with the option a ban ends the connections of its source on our side at
// once, and no others; without it they stay.
func TestTCPEnds(t *testing.T) {
	bystanders := []string{"bystander v4", "bystander v6", "bystander mapped"}
	for _, kind := range []string{"ipset", "iptables", "nftables"} {
		for _, hook := range []string{"raw", "filter"} {
			t.Run(kind+"/"+hook, func(t *testing.T) {
				s := kerneltest.NewSessions(t)
				kerneltest.WithTools(t, "nft")
				e := mustOpen(t, kind, Options{Hook: hook, EndTCP: true})
				if degraded := mustSetup(t, e); len(degraded) > 0 {
					t.Fatalf("got degraded %v, want none", degraded)
				}
				mustBan(t, e, kerneltest.Attacker4+"/32", time.Hour)
				s.WantOpen(t, append(bystanders, "attacker v6")...)
				mustBan(t, e, "2001:db8:1::66/128", time.Hour) // so soon after it may be left to Check
				kerneltest.Eventually(t, "the connection over IPv6 ends", func() bool {
					if _, _, err := e.Check(); err != nil {
						t.Fatal(err)
					}
					return !kerneltest.Open(t, s.Server["attacker v6"])
				})
				for _, name := range []string{"attacker v4", "attacker v6", "attacker mapped"} {
					s.WantEnded(t, name)
				}
				for _, name := range bystanders {
					kerneltest.WantTalk(t, name, s.Client[name], s.Server[name])
				}
				server, client := s.Dial(kerneltest.Bystander4, kerneltest.PBX4+":5061") // a listening socket still listens
				kerneltest.WantTalk(t, "a new call", client, server)
			})
			t.Run(kind+"/"+hook+"/not asked for", func(t *testing.T) {
				s := kerneltest.NewSessions(t)
				kerneltest.WithTools(t, "nft")
				e := mustOpen(t, kind, Options{Hook: hook})
				mustSetup(t, e)
				for _, p := range []string{kerneltest.Attacker4 + "/32", kerneltest.Attacker6 + "/128"} {
					mustBan(t, e, p, time.Hour)
				}
				if _, _, err := e.Check(); err != nil {
					t.Fatal(err)
				}
				s.WantOpen(t, append(bystanders, "attacker v4", "attacker v6", "attacker mapped")...)
			})
		}
	}
}
