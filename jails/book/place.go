package book

import "net/netip"

// Place is what is known of where an address is. The zero value says nothing.
type Place struct {
	Country string       // ISO 3166 code in capitals, "" when unknown
	ASN     uint32       // of the network that announces it, 0 when unknown
	Org     string       // whose network that is, as the file has it; may be ""
	Network netip.Prefix // what the file says it of; invalid when it does not
}
