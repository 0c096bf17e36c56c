package configs

// Wire is the sensor: the packets of Asterisk's ports, as a witness beside the logs.
type Wire struct {
	Enabled    bool     `yaml:"enabled" default:"true" doc:"Read the packets of Asterisk's ports, and judge what their senders did by what Asterisk answered. It sees what no log tells, and whether a log's record is forged. What is encrypted stays dark. Nothing of a call's content is read, and no password is kept."`
	Interfaces []string `yaml:"interfaces" optional:"[eth0, eth1]" doc:"Network interfaces whose packets are read. Left out: all, those that come later too."`
	Limit      int      `yaml:"limit" default:"8000" check:"from 100 to 1000000" doc:"How many packets a second are read at most. Of more than these some strangers are left out, different ones each minute, and status says so. Addresses that logged in are never left out."`
}
