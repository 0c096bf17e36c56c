// Package host reads from this machine: its addresses, its routers, its name servers, and
// from where its admins are logged in. The daemon and jailctl replay protect all of these.
// It must never treat a connection alone as a login, and never keep anything: each call
// reads again.
package host

import (
	"bufio"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"

	"pbxjail/configs/prefix"
)

// Addresses are the addresses of this machine's interfaces, in order.
func Addresses() ([]netip.Addr, error) {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return nil, err
	}
	return Of(addrs), nil
}

// Of takes the addresses out of networks, in order, each once.
func Of(addrs []net.Addr) (list []netip.Addr) {
	for _, a := range addrs {
		if network, err := netip.ParsePrefix(a.String()); err == nil {
			list = append(list, prefix.Addr(network.Addr()))
		}
	}
	slices.SortFunc(list, netip.Addr.Compare)
	return slices.Compact(list)
}

// ResolvConf is where the name servers are named.
const ResolvConf = "/etc/resolv.conf"

// maxServers is how many name servers a resolver asks: resolv.conf(5) MAXNS is 3. Go asks
// all that are named; more than these are a mistake.
const maxServers = 8

// NameServers are those that a file in the form of resolv.conf(5) names, without those on
// this machine. A file that cannot be read names none.
func NameServers(path string) []netip.Addr {
	return slices.DeleteFunc(nameServers(path), netip.Addr.IsLoopback)
}

// Resolvers are those that NameServers names and those on this machine, with their port.
func Resolvers(path string) (list []netip.AddrPort) {
	for _, a := range nameServers(path) {
		list = append(list, netip.AddrPortFrom(a, 53))
	}
	return list
}

func nameServers(path string) (list []netip.Addr) {
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan() && len(list) < maxServers; {
		word := strings.Fields(lines.Text())
		if len(word) < 2 || word[0] != "nameserver" {
			continue
		}
		a, err := netip.ParseAddr(word[1])
		if a = prefix.Addr(a); err == nil && !a.IsUnspecified() && !slices.Contains(list, a) {
			list = append(list, a)
		}
	}
	return list
}
