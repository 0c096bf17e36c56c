package host

import (
	"encoding/hex"
	"net/netip"
	"os"
	"slices"
	"strings"
)

// Gateways are the routers of this machine's default routes: proc(5). A ban of one would
// block every address behind it.
func Gateways() []netip.Addr {
	four, _ := os.ReadFile("/proc/net/route") // not there without the protocol
	six, _ := os.ReadFile("/proc/net/ipv6_route")
	return append(gateways4(string(four)), gateways6(string(six))...)
}

// gateways4 reads "Iface Destination Gateway …", in the byte order of the machine.
func gateways4(table string) (list []netip.Addr) {
	for line := range strings.Lines(table) {
		f := strings.Fields(line)
		if len(f) < 8 || f[1] != "00000000" || f[7] != "00000000" {
			continue
		}
		b, err := hex.DecodeString(f[2])
		if err != nil || len(b) != 4 {
			continue
		}
		slices.Reverse(b)
		if a, ok := netip.AddrFromSlice(b); ok && !a.IsUnspecified() {
			list = append(list, a)
		}
	}
	return list
}

// gateways6 reads "destination length source length nexthop …".
func gateways6(table string) (list []netip.Addr) {
	for line := range strings.Lines(table) {
		f := strings.Fields(line)
		if len(f) < 5 || f[1] != "00" || strings.Trim(f[0], "0") != "" {
			continue
		}
		b, err := hex.DecodeString(f[4])
		if err != nil {
			continue
		}
		if a, ok := netip.AddrFromSlice(b); ok && !a.IsUnspecified() && !a.IsLinkLocalUnicast() {
			list = append(list, a)
		}
	}
	return list
}
