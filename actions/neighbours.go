package actions

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"pbxjail/actions/kernel"
	"pbxjail/actions/nft"
)

// FreePBX is how Neighbours calls FreePBX's firewall, which flushes the table filter
// again and again.
const FreePBX = "the FreePBX firewall"

// neighbours are names of chains, or the start of names, that show another firewall.
var neighbours = []struct{ chain, name string }{
	{"fpbxfirewall", FreePBX},
	{"ufw-", "ufw"},
	{"DOCKER", "Docker"},
	{"f2b-", "fail2ban"},
	{"fail2ban-", "fail2ban"},
	{"CROWDSEC", "CrowdSec"},
	{"INPUT_direct", "firewalld"},
	{"filter_INPUT", "firewalld"},
}

// Neighbours are other firewalls of this namespace, for people, each once. own is our
// chain. Chains that cannot be read are left out.
func Neighbours(own string) (names []string) {
	chains := kernel.LegacyChains("filter")
	if view, err := kernel.OpenNftReader(); err == nil {
		defer view.Close()
		list, _ := view.Chains() // a kernel without nftables has none
		for _, c := range list {
			chains = append(chains, c.Name)
		}
	}
	for _, n := range neighbours {
		there := slices.ContainsFunc(chains, func(c string) bool { return c != own && strings.HasPrefix(c, n.chain) })
		if there && !slices.Contains(names, n.name) {
			names = append(names, n.name)
		}
	}
	return names
}

// Watch calls changed after each change of the rules in nftables, those of iptables-nft
// among them, until ctx ends, with the name of the program that made it. Changes by this
// process are not reported, nor those of iptables-legacy, for which the kernel sends no
// event. Where the kernel would report each of our own bans, Watch reports nothing.
func Watch(ctx context.Context, e Enforcer, changed func(by string)) error {
	if _, own := kindOf(e).(*nft.Enforcer); own {
		<-ctx.Done()
		return nil
	}
	socket, err := kernel.OpenNetfilter(unix.NFNLGRP_NFTABLES)
	if err != nil {
		return nil // a kernel without nftables: Check has to do
	}
	socket.SetReceiveTimeout(&unix.Timeval{})
	defer context.AfterFunc(ctx, socket.Close)()
	for {
		msgs, _, err := socket.Receive()
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, unix.ENOBUFS): // more than the socket holds
			changed("")
		case err != nil:
			return err
		}
		for _, m := range msgs {
			if m.Header.Type == unix.NFNL_SUBSYS_NFTABLES<<8|unix.NFT_MSG_NEWGEN && len(m.Data) > nl.SizeofNfgenmsg {
				if pid, by := kernel.Changer(m.Data[nl.SizeofNfgenmsg:]); pid != os.Getpid() {
					changed(by)
				}
			}
		}
	}
}
