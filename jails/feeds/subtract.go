package feeds

import (
	"fmt"
	"net/netip"

	"github.com/gaissmai/bart"
	"go4.org/netipx"

	"pbxjail/configs/prefix"
)

// Subtract returns exactly the addresses of prefixes that are not in protected, as
// the fewest prefixes, sorted. Prefixes that are not valid are passed over.
func Subtract(prefixes, protected []netip.Prefix) ([]netip.Prefix, error) {
	var b netipx.IPSetBuilder
	for _, p := range prefixes {
		if p.IsValid() {
			b.AddPrefix(prefix.Unmap(p))
		}
	}
	for _, p := range protected {
		if p.IsValid() {
			b.RemovePrefix(prefix.Unmap(p))
		}
	}
	set, err := b.IPSet()
	if err != nil {
		return nil, fmt.Errorf("cannot remove protected addresses from the feed, so the new list is not used: %w", err)
	}
	return set.Prefixes(), nil
}

// without is p less what of it is in table.
func without(p netip.Prefix, table *bart.Lite) []netip.Prefix {
	var out []netip.Prefix
	for inside := range table.Subnets(p) {
		out = append(out, inside)
	}
	left, err := Subtract([]netip.Prefix{p}, out)
	if err != nil {
		return nil
	}
	return left
}

// touched counts the prefixes that share an address with the protected ones.
func touched(prefixes, protected []netip.Prefix) (n int) {
	table := new(bart.Lite)
	for _, p := range protected {
		if p.IsValid() {
			table.Insert(prefix.Unmap(p))
		}
	}
	for _, p := range prefixes {
		if table.OverlapsPrefix(p) {
			n++
		}
	}
	return n
}
