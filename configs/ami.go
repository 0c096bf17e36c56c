package configs

import (
	"net"
	"strconv"
	"strings"
)

// AMI is the connection to the manager interface of Asterisk.
type AMI struct {
	Address    string `yaml:"address" default:"127.0.0.1:5038" doc:"Address and port of the manager interface: bindaddr and port in manager.conf."`
	User       string `yaml:"user" optional:"pbxjail" doc:"Name of the user in manager.conf. It needs the key secret_file. Left out: pbxjail does not connect."`
	SecretFile string `yaml:"secret_file" optional:"/etc/pbxjail/ami.secret" doc:"A file with the secret of this user, or credential:NAME for a credential of systemd. It is read at each log-in."`
	Auth       string `yaml:"auth" default:"md5" check:"one of md5 plain" doc:"md5: pbxjail proves that it knows the secret and does not send it. plain: it sends the secret."`
	TLS        bool   `yaml:"tls" default:"false" doc:"true: the connection is encrypted, and address must have the port of tlsbindaddr in manager.conf."`
	CAFile     string `yaml:"ca_file" optional:"/etc/pbxjail/asterisk.pem" check:"path" doc:"With tls: true, a file with certificates (PEM) that are trusted in place of those of the system. A certificate that Asterisk signed itself works too."`
}

// Enabled reports whether there is to be a connection.
func (a AMI) Enabled() bool { return a.User != "" }

func (a AMI) validate(d *decoder) {
	host, port, err := net.SplitHostPort(a.Address)
	n, _ := strconv.Atoi(port)
	if err != nil || n < 1 || n > 65535 || !serverName.MatchString(host) && !isAddr(host) {
		d.fault("ami.address", "write an address and a port, such as 127.0.0.1:5038", "%s is not an address with a port", quote(a.Address))
	}
	if (a.User == "") != (a.SecretFile == "") {
		d.fault("ami.user", "write both keys, user and secret_file; or remove both, to use no AMI", "works only together with ami.secret_file")
	}
	if len(a.User) > 80 || strings.ContainsFunc(a.User, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune("[]();", r) }) {
		d.fault("ami.user", "write the name that is between [ and ] in Asterisk's manager.conf", "%s cannot be the name of an AMI user", quote(a.User))
	}
	checkSecret(d, "ami.secret_file", a.SecretFile)
	if a.CAFile != "" && !a.TLS {
		d.fault("ami.ca_file", "write tls: true below ami, or remove ca_file", "works only with tls: true")
	}
	if err == nil && !a.TLS && !loopback(host) {
		d.warn("ami.address", "write tls: true, and the port of tlsbindaddr in manager.conf", "the connection to "+quote(host)+" is not encrypted, so others on the way can read and change what Asterisk reports")
	}
}
