package xtables

import (
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/coreos/go-iptables/iptables"
	"golang.org/x/sys/unix"

	"pbxjail/actions/kernel"
)

// iptablesFor picks the iptables whose rules this host lives by: iptables-nft and
// iptables-legacy do not see each other's rules, and with both in use it is hard to find
// why a packet is dropped. It is the plain "iptables", unless only the other one has rules,
// or it is iptables-nft where the kernel has no nftables for us. nft says which of the two
// it is.
func iptablesFor(proto iptables.Protocol) (path string, nft bool, err error) {
	name := "iptables"
	if proto == iptables.ProtocolIPv6 {
		name = "ip6tables"
	}
	if path, err = exec.LookPath(name); err != nil {
		return "", false, err
	}
	nft = isNft(path)
	rival := name + "-nft"
	if nft {
		rival = name + "-legacy"
	}
	if other, err := exec.LookPath(rival); err == nil && isNft(other) != nft {
		if inUse := iptablesInUse(); !inUse[nft] && inUse[!nft] || nft && !nftWorks() {
			return other, !nft, nil
		}
	}
	return path, nft, nil
}

// nftWorks reports whether the kernel has nftables and lets us use it. Without it
// iptables-nft does not work, and iptables-legacy may.
func nftWorks() bool {
	v, err := kernel.OpenNftReader()
	if err != nil {
		return false
	}
	defer v.Close()
	_, err = v.Generation()
	return err == nil
}

// isNft follows links: Debian's lead over /etc/alternatives to xtables-nft-multi.
func isNft(path string) bool {
	real, err := filepath.EvalSymlinks(path)
	return err == nil && strings.Contains(filepath.Base(real), "nft")
}

// iptablesInUse says which of the two keep rules; true is nft.
func iptablesInUse() map[bool]bool {
	inUse := map[bool]bool{false: kernel.LegacyInUse()}
	if v, err := kernel.OpenNftReader(); err == nil {
		defer v.Close()
		inUse[true], _ = v.UsedByIptables() // a kernel without nftables keeps none
	}
	return inUse
}

// hookOf is the number of a chain of the kernel: NF_INET_PRE_ROUTING, NF_INET_LOCAL_IN.
func hookOf(parent string) int {
	if parent == "PREROUTING" {
		return unix.NF_INET_PRE_ROUTING
	}
	return unix.NF_INET_LOCAL_IN
}
