package recent

import "net/netip"

// Addr is an address as the key of a map. It goes without the pointer netip.Addr carries
// for zones, so that the collector need not look into a map of them.
type Addr [16]byte

// AddrOf is the key of an address without a zone.
func AddrOf(a netip.Addr) Addr { return a.As16() }

// Netip is the address of a key.
func (k Addr) Netip() netip.Addr { return netip.AddrFrom16(k).Unmap() }
