package configs

// Wire is the sensor: the packets of Asterisk's ports, as a witness beside the logs.
type Wire struct {
	Enabled    bool     `yaml:"enabled" default:"true" doc:"true: a sensor reads the packets of Asterisk's ports, and pbxjail judges each sender by what Asterisk answered. The sensor sees attacks that no log shows, and forged log records. It cannot read encrypted packets. It never reads the content of calls, and keeps no password."`
	Interfaces []string `yaml:"interfaces" optional:"[eth0, eth1]" doc:"Network interfaces whose packets are read. Left out: all, also new ones."`
	Limit      int      `yaml:"limit" default:"8000" check:"from 100 to 1000000" doc:"How many packets the sensor reads in a second, at most. When more arrive, it skips the packets of some unknown addresses, of other ones each minute, and jailctl status shows it. It never skips addresses that logged in."`
}
