package manager

import (
	"bytes"
	"net/netip"

	"pbxjail/parsers"
)

// The actions that list who is registered. All need the right write = system; the last two take
// reporting too. PJSIPContacts does not list what is written in an AOR: PJSIPEndpoint does, of
// one endpoint that PJSIPEndpoints lists.
const (
	PJSIPContacts  = "PJSIPShowContacts"
	PJSIPEndpoints = "PJSIPShowEndpoints"
	PJSIPEndpoint  = "PJSIPShowEndpoint"
	SIPPeers       = "SIPpeers"
	IAXPeers       = "IAXpeerlist"
)

// Contact is where Asterisk reaches an account or a trunk. The texts are parts of the packet.
type Contact struct {
	Service parsers.Service
	Account parsers.Text // the endpoint or peer; may be empty for a PJSIP contact that is fixed
	Name    parsers.Text // of the AOR or peer, for people
	Addr    netip.Addr   // the zero Addr where Host is a name
	Host    string       // a name of the operator, for a fixed contact; else ""
	User    parsers.Text // of a PJSIP contact: the user part of its URI
	Named   string       // the name in the URI of a contact that registered, in lower case; else ""
	Fixed   bool         // the operator wrote the address: it is a trunk. Else the phone that registered wrote it
}

// Contact fills c from a part of a list, and reports whether it has an address. An address
// that a phone registered is the phone's own word: it says something about its own account
// alone.
func (m *Message) Contact(c *Contact) bool {
	*c = Contact{}
	switch m.Event() {
	case "ContactList":
		m.pjsip(c, "Endpoint", "ObjectName", "Uri")
	case "ContactStatusDetail":
		m.pjsip(c, "EndpointName", "ID", "URI")
	case "PeerEntry":
		m.peer(c)
	}
	return !m.doubt && (c.Addr.IsValid() || c.Host != "" || c.Named != "")
}

// pjsip reads a contact of PJSIP (asterisk:res/res_pjsip/pjsip_options.c, ami_show_contacts and
// ast_sip_format_contact_ami). Asterisk makes its ID: AOR@@hash for one that is written in the
// AOR (res/res_pjsip/location.c, permanent_uri_handler), AOR;@hash for one that registered.
func (m *Message) pjsip(c *Contact, account, id, uri string) {
	c.Service = parsers.PJSIP
	c.Account = text(m.value(account))
	name, _, registered := bytes.Cut(m.value(id), []byte(";@"))
	if fixed, _, ok := bytes.Cut(name, []byte("@@")); ok && !registered {
		name, c.Fixed = fixed, true
	}
	c.Name = text(name)
	_, host, _ := bytes.Cut(m.value(uri), []byte(":")) // sip or sips
	if at := bytes.LastIndexByte(host, '@'); at >= 0 {
		c.User, host = text(host[:at]), host[at+1:]
	}
	c.host(host)
}

// Endpoint is an endpoint of PJSIP, as PJSIPEndpoints lists it.
type Endpoint struct {
	Name     string
	Contacts int  // those that registered and those that are written in its AOR
	Open     bool // it has no password: Asterisk knows it by its address
}

// Endpoint is the endpoint of a part of a list; its Name is "" where there is none.
func (m *Message) Endpoint() (e Endpoint) {
	if m.Event() != "EndpointList" || m.value("Contacts") == nil {
		return Endpoint{}
	}
	auths := m.value("Auths")
	e = Endpoint{string(m.value("ObjectName")), bytes.Count(m.value("Contacts"), []byte(",")), auths != nil && len(auths) == 0}
	if m.doubt || len(e.Name) > maxText {
		return Endpoint{}
	}
	return e
}

// peer reads a peer of chan_sip or IAX2 (asterisk:channels/chan_sip.c, manager_sip_show_peers
// and _sip_show_peers_one; channels/chan_iax2.c, _iax2_show_peers_one).
func (m *Message) peer(c *Contact) {
	switch string(m.value("Channeltype")) {
	case "SIP":
		c.Service = parsers.SIP
	case "IAX":
		c.Service = parsers.IAX2
	default:
		return
	}
	c.Account = text(m.value("ObjectName"))
	c.Name, c.Fixed = c.Account, string(m.value("Dynamic")) == "no"
	c.host(m.value("IPaddress"))
	if !c.Addr.IsValid() {
		c.Fixed = false // what is no address here is no name either: "-none-", "(null)"
	}
}

// host takes an address, or the name of a fixed contact, from the beginning of a text.
func (c *Contact) host(b []byte) {
	end := bytes.IndexAny(b, ":;?>")
	if bytes.HasPrefix(b, []byte("[")) {
		b = b[1:]
		end = bytes.IndexByte(b, ']')
	} else if a, err := netip.ParseAddr(string(b[:min(len(b), 64)])); err == nil { // IPv6 without brackets
		c.Addr = a.Unmap().WithZone("")
		end = -1
	}
	if end >= 0 {
		b = b[:end]
	}
	if len(b) > 253 {
		return
	}
	if a, err := netip.ParseAddr(string(b)); err == nil {
		c.Addr = a.Unmap().WithZone("")
	} else if isName(b) && c.Fixed {
		c.Host = string(b)
	} else if isName(b) {
		c.Named = string(bytes.ToLower(b))
	}
	if !parsers.Bannable(c.Addr) {
		c.Addr = netip.Addr{}
	}
}

// isName reports whether a text can be the name of a host.
func isName(b []byte) bool {
	dot := false
	for _, c := range b {
		switch {
		case c == '.':
			dot = true
		case c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '-' || c == '_':
		default:
			return false
		}
	}
	return dot && b[0] != '.' && b[0] != '-'
}
