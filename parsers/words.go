package parsers

import "slices"

// The words jail files, JSON and tables use. Each list is in the order of its constants.
var (
	resultWords   = []string{"none", "signal", "offence", "ambiguous"}
	kindWords     = []string{"", "bad-password", "unknown-account", "unknown-extension", "guest-call", "acl", "not-allowed", "malformed", "rate", "scan", "unanswered", "success", "challenge", "blind", "custom"}
	evidenceWords = []string{"", "claimed", "seen", "proven"}
	serviceWords  = []string{"", "pjsip", "sip", "iax2", "ami", "http", "dialplan", "other", "ssh", "web", "gui", "ftp", "mail", "vpn", "provisioning"}
	channelWords  = []string{"security", "notice", "acl", "dialplan", "wire"}
)

func (r Result) String() string   { return resultWords[r] }
func (k Kind) String() string     { return kindWords[k] }
func (e Evidence) String() string { return evidenceWords[e] }
func (s Service) String() string  { return serviceWords[s] }
func (c Channel) String() string  { return channelWords[c] }

// ParseKind finds the kind a jail file names; ok is false for an unknown word
// and for those that are no offence.
func ParseKind(word string) (k Kind, ok bool) {
	i := slices.Index(kindWords, word)
	k = Kind(max(i, 0))
	return k, k != KindNone && k < Success
}

// OffenceKinds lists the words ParseKind takes, for hints.
func OffenceKinds() []string { return slices.Clone(kindWords[BadPassword:Success]) }

// ParseEvidence finds the evidence a jail file names.
func ParseEvidence(word string) (e Evidence, ok bool) {
	i := slices.Index(evidenceWords, word)
	e = Evidence(max(i, 0))
	return e, e != NoEvidence
}

// ServiceWords lists the words that ParseService takes, for hints.
func ServiceWords() []string { return slices.Clone(serviceWords[PJSIP:]) }

// ParseService finds the service a jail file names.
func ParseService(word string) (s Service, ok bool) {
	i := slices.Index(serviceWords, word)
	s = Service(max(i, 0))
	return s, s != NoService
}
