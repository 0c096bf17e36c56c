package e2e

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"pbxjail/cmd/internal/lab"
)

// The lists of the article that pbxjail began with: the networks whose packets it drops, and
// those of which it drops UDP alone.
var (
	seedAll = []string{
		"51.15.0.0/16", "62.4.0.0/19", "62.210.0.0/16", "151.115.0.0/16", "163.172.0.0/16", "195.154.0.0/16",
		"212.47.224.0/19", "212.83.128.0/19", "212.83.160.0/19", "212.129.0.0/18",
	}
	seedUDP = []string{
		"37.49.224.0/24", "37.49.225.0/24", "37.49.227.0/24", "37.49.228.0/24", "37.49.229.0/24", "37.49.230.0/24", "37.49.231.0/24",
		"37.120.128.0/19", "77.247.108.0/24", "77.247.109.0/24", "77.247.110.0/24", "77.247.111.0/24",
		"185.53.88.0/24", "185.53.89.0/24", "185.53.90.0/24", "185.53.91.0/24",
	}
	seedAgents = []string{
		"owenee", "Custom SIP", "gazllove", "pplsip", "sipcli", "sipvicious", "sip-scan", "sipsak", "sundayddr", "friendly-scanner", "iWar",
		"CSipSimple", "SIVuS", "Gulp", "sipv", "smap", "friendly-request", "VaxIPUserAgent", "VaxSIPUserAgent", "siparmyknife", "Test",
	}
)

const seedRules = `packet_rules: {enabled: true, agents: seed, ports: [5060-5261]}
feeds:
  - {name: ponytelecom, file: shipped/ponytelecom.txt, use: ban}
  - {name: vitox, file: shipped/vitox.txt, use: ban, protocol: udp}
  - {name: freepbx-2019, file: shipped/freepbx-2019.txt, use: ban, protocol: udp}`

// TestSeedRuleSet: the article's own rule set drops what it lists and nothing beside it, list
// for list, as the daemon puts it into the kernel and as jailctl rules prints it.
func TestSeedRuleSet(t *testing.T) {
	for _, enforcer := range []string{"ipset", "nftables"} {
		t.Run(enforcer, func(t *testing.T) {
			p := newPBX(t, "enforcer: "+enforcer, seedRules)
			p.start()
			p.eventually("the lists in the kernel", func() bool {
				return !p.answered(inside(seedAll[9])) && !p.answered(inside("185.53.89.0/24")) && !p.answered(inside("185.53.91.0/24"))
			})
			p.wantSeed()
		})
	}
	for format, before := range map[string]string{
		"iptables-restore": "", "freepbx": "*filter\n:fpbxreject - [0:0]\n-A INPUT -j fpbxreject\n",
	} {
		t.Run(format, func(t *testing.T) {
			p := newPBX(t, seedRules)
			p.wantAnswers(true, inside(seedAll[0]), inside(seedUDP[0]))
			printed, err := exec.Command(program("jailctl"), "rules", "--format", format, "--config", p.path("pbxjail.yaml")).Output()
			p.must(err)
			restore := exec.Command("iptables-restore", "--noflush")
			text := before + string(printed)
			if before != "" {
				text += "COMMIT\n"
			}
			restore.Stdin = strings.NewReader(text)
			_, err = p.net.PBX.Output(restore)
			p.must(err)
			p.wantSeed()
		})
	}
}

// wantSeed sends packets from each network, of each protocol, and of each agent.
func (p *pbx) wantSeed() {
	p.Helper()
	var all, udp []string
	for _, n := range seedAll {
		all = append(all, inside(n))
	}
	for _, n := range seedUDP {
		udp = append(udp, inside(n))
	}
	p.wantAnswers(false, append(all, udp...)...)
	beside := []string{"203.0.113.9", "37.49.226.7", "37.49.232.7", "37.120.160.7", "77.247.107.7", "77.247.112.7", "185.53.92.7", "51.16.0.7", "62.4.32.7", "212.83.192.7", "212.129.64.7"}
	p.wantAnswers(true, beside...)
	p.wantTCP(false, all...)
	p.wantTCP(true, append(udp, beside...)...)
	var wait sync.WaitGroup
	for agent, want := range p.agentsOfSeed() {
		wait.Go(func() {
			if got := p.answersOnce(agent); got != want {
				p.Errorf("agent %s: got answered %v, want %v", agent, got, want)
			}
		})
	}
	wait.Wait()
}

// agentsOfSeed are agents, and whether they are answered.
func (p *pbx) agentsOfSeed() map[string]bool {
	want := map[string]bool{"Yealink SIP-T46S 66.85.0.5": true, "Asterisk PBX 18.10.0": true, "sipclient/2": true, "My Test": true, "Linphone/4.4": true}
	for _, agent := range seedAgents {
		want[agent], want[agent+"/1.0"] = false, false
	}
	return want
}

// answersOnce reports whether a request of an agent is answered, sent twice at the most.
func (p *pbx) answersOnce(agent string) bool {
	for range 2 {
		s, err := p.net.NewSender(p.Context(), "udp", netip.MustParseAddr("203.0.113.9"), lab.Port)
		if err != nil {
			p.Error(err)
			return false
		}
		defer s.Close()
		s.Patience = 500 * time.Millisecond
		r := s.Request("OPTIONS", "100", "200")
		r.Agent = agent
		if response, err := s.Do(r); err == nil && response.Status == 200 {
			return true
		}
	}
	return false
}

// wantTCP checks whose TCP packets get through: nothing listens there, so that a refusal
// comes back at once, and nothing where they are dropped.
func (p *pbx) wantTCP(want bool, addrs ...string) {
	p.Helper()
	var wait sync.WaitGroup
	for _, addr := range addrs {
		wait.Go(func() {
			ctx, cancel := context.WithTimeout(p.Context(), 600*time.Millisecond)
			defer cancel()
			conn, err := p.net.Dial(ctx, "tcp", netip.MustParseAddr(addr), lab.Port)
			if err == nil {
				conn.Close()
			}
			if got := err == nil || errors.Is(err, syscall.ECONNREFUSED); got != want {
				p.Errorf("tcp from %s: got through %v, want %v (%v)", addr, got, want, err)
			}
		})
	}
	wait.Wait()
}

// inside is an address of a network.
func inside(network string) string {
	b := netip.MustParsePrefix(network).Addr().As4()
	return fmt.Sprintf("%d.%d.%d.7", b[0], b[1], b[2])
}
