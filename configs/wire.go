package configs

// Wire is the sensor: the packets of Asterisk's ports, as a witness beside the logs.
type Wire struct {
	Enabled    bool     `yaml:"enabled" default:"true" doc:"Read the packets of Asterisk's ports, and judge each sender by what Asterisk answered. The sensor sees attacks that no log shows, and forged log records. It cannot read encrypted packets. It never reads the content of calls and keeps no password."`
	Interfaces []string `yaml:"interfaces" optional:"[eth0, eth1]" doc:"Network interfaces whose packets are read. Left out: all, also new ones."`
	Limit      int      `yaml:"limit" default:"8000" check:"from 100 to 1000000" doc:"How many packets a second are read at most. Above this, packets of some unknown addresses are skipped, of different ones each minute; status shows it. Addresses that logged in are never skipped."`
}
