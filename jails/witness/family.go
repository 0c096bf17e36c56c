package witness

import "pbxjail/parsers"

// Family is a group of services that the wire cannot tell apart, or that one attempt
// can reach through each other's ports: a SIP packet does not say which of the two
// SIP modules answers, a call without an account reaches the dialplan, and AMI is
// spoken over HTTP too.
type Family uint8

const (
	NoFamily Family = iota // no packets to a guarded port belong to it
	sipFamily
	iaxFamily
	WebFamily
	sshFamily // from here on: of other programs, of which there are log-ins and no packets
	guiFamily
	ftpFamily
	mailFamily
	vpnFamily
	Families
)

var familyOfService = [parsers.ServiceCount]Family{
	parsers.PJSIP: sipFamily, parsers.SIP: sipFamily, parsers.Dialplan: sipFamily,
	parsers.IAX2: iaxFamily, parsers.AMI: WebFamily, parsers.HTTP: WebFamily,
	parsers.SSH: sshFamily, parsers.GUI: guiFamily, parsers.FTP: ftpFamily, parsers.Mail: mailFamily, parsers.VPN: vpnFamily,
}

// OfPhones reports whether phones and trunks log in over it.
func (f Family) OfPhones() bool { return f == sipFamily || f == iaxFamily }

// doors are the services on whose ports one is heard. AMI is spoken over HTTP too.
func doors(s parsers.Service) []parsers.Service {
	if s == parsers.AMI {
		return []parsers.Service{parsers.AMI, parsers.HTTP}
	}
	return []parsers.Service{s}
}

// FamilyOf is the family of a service.
func FamilyOf(s parsers.Service) Family { return familyOfService[s] }
