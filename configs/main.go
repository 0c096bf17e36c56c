package configs

import (
	"net/netip"
	"reflect"
	"time"
)

// DefaultMain is where the main file is looked for when nobody names another.
const DefaultMain = "/etc/pbxjail/pbxjail.yaml"

// Main is the main file. The tags hold the documentation; Reference prints it.
type Main struct {
	File     string   // where it was read; "" for the built-in defaults
	Warnings Problems // what was read otherwise than written

	logsLine int // where logs stands in the file

	Jails           string         `yaml:"jails" default:"/etc/pbxjail.d" check:"path" reload:"at once" doc:"Folder of jail files, one file one jail. A shipped jail holds where the folder has no file of its name."`
	Logs            []string       `yaml:"logs" fail2ban:"logpath" optional:"[/srv/asterisk/log/full, /srv/asterisk/log/security]" check:"path" reload:"at once" doc:"Asterisk's logs, for all jails: in place of those that the shipped jails name, and for jail files that name none. A jail that reads what the dialplan writes (sipsec) reads its own log beside them."`
	Defaults        Defaults       `yaml:"defaults" fail2ban:"DEFAULT" optional:"{maxretry: 10, bantime: 4h}" reload:"at once" doc:"Settings for all jails, as a jail file has them. What counts last: built-in defaults, the shipped jail, defaults, the jail's own file. Not here: enabled, logs, match, ignoreip, samples."`
	Ignoreip        []netip.Prefix `yaml:"ignoreip" optional:"[127.0.0.0/8, 198.51.100.0/24]" reload:"at once" doc:"Addresses and networks that no jail ever bans. Our own addresses never are, without being named."`
	IgnoreHosts     []string       `yaml:"ignore_hosts" optional:"[trunk.example.net]" reload:"at once" doc:"Host names whose addresses no jail ever bans. They are looked up in the background; the last good answer is kept."`
	ProtectAdmins   time.Duration  `yaml:"protect_admins" default:"24h" reload:"at once" doc:"How long the address of an admin is protected after it was last seen: an SSH session on this machine (utmp or logind), or a call of jailctl by root over SSH. forever is allowed."`
	ProtectLocalnet bool           `yaml:"protect_localnet" default:"true" reload:"at once" doc:"Never ban an address in localnet (sip.conf) or local_net (pjsip.conf): the networks on our own side of the NAT. Set false where strangers share that network; phones that logged in there stay protected."`
	Asterisk        string         `yaml:"asterisk" default:"/etc/asterisk" check:"path" reload:"at once" doc:"Folder of Asterisk's own configuration. Trunks and peers with an address there are never banned."`
	ProtectLogins   time.Duration  `yaml:"protect_logins" default:"30d" reload:"at once" doc:"How long an account is at home at the address where it logged in with a password (of IPv6 its /64). Failures of accounts at home lead to no ban there: they are told instead, once an hour. A first log-in after five failures of its account is an alarm, and makes no home until jailctl ack. forever is allowed."`
	DayOne          bool           `yaml:"day_one" default:"true" reload:"restart" doc:"For an hour after the first start with a new ledger bans last 15 minutes at most, and close the attacked ports alone: pbxjail does not know yet who logs in. false: bans are as the jails say from the start."`
	LoginAllowance  int            `yaml:"login_allowance" default:"3" check:"from 1 to 5" reload:"at once" doc:"How many times maxretry an address may do where accounts are at home, before it is banned for what others do there: an office sets up a new phone. 1: no more than any address."`
	IPv6            int            `yaml:"ipv6" default:"64" check:"from 48 to 128" reload:"at once" doc:"How long the prefix of one IPv6 customer is. What its addresses do is added up beside what each does: an address that does enough is banned alone, and several that do enough together ban the whole prefix, unless an address inside is protected or an account is at home there. 64 is one line, 48 one site; 128 scores single addresses only. Addresses of NAT64 are scored by the IPv4 address in them, and are never banned together."`
	GeoIP           GeoIP          `yaml:"geoip" reload:"at once" doc:"Where addresses are."`
	Enforcer        string         `yaml:"enforcer" default:"auto" check:"one of auto ipset iptables nftables observe" reload:"restart" doc:"How packets are dropped. auto takes ipset where the kernel and iptables have it, else nftables, else iptables (a rule for each ban); observe drops nothing."`
	Hook            string         `yaml:"hook" default:"raw" check:"one of raw filter" reload:"restart" doc:"Where our chain is called: raw (PREROUTING, before connection tracking, so that running flows end too) or filter (INPUT)."`
	Action          string         `yaml:"action" default:"drop" check:"one of drop reject" reload:"restart" doc:"What becomes of the packets of a ban or a list: drop, or reject, which answers port unreachable. reject needs hook: filter, and tells attackers that somebody is there."`
	Chain           string         `yaml:"chain" default:"pbxjail" reload:"restart" doc:"Name of our chain and stem of our sets. With hook: filter beside the FreePBX firewall it must be f2b-pbxjail, or FreePBX flushes it."`
	EndTCP          bool           `yaml:"end_tcp" default:"false" reload:"restart" doc:"End TCP connections (TLS and WebSocket too) of an address with its ban: Asterisk's sockets are aborted and the peer is sent a reset. Otherwise its packets are dropped, and Asterisk keeps the connection until it times out. With either hook; the kernel needs CONFIG_INET_DIAG_DESTROY."`
	Stubborn        int            `yaml:"stubborn" default:"0" check:"from 0" reload:"at once" doc:"How many packets an address may send into its ban before the ban begins anew; 0: as many as it likes. Only bans that a log caused, and no longer than their evidence allows. Looked at every minute."`
	Observe         bool           `yaml:"observe" default:"false" reload:"restart" doc:"Decide and record, but ban nobody."`
	Database        string         `yaml:"database" default:"/var/lib/pbxjail/pbxjail.db" check:"path" reload:"restart" doc:"The ledger: bans, strikes, the lines that led to them, and how far each log was read."`
	Socket          string         `yaml:"socket" default:"/run/pbxjail/pbxjail.sock" check:"path" reload:"restart" doc:"Where jailctl reaches the daemon."`
	Group           string         `yaml:"group" default:"pbxjail" reload:"restart" doc:"Members of this group may use the socket. Where there is no such group, root alone may."`
	LogLevel        string         `yaml:"log_level" default:"info" check:"one of debug info warn error" reload:"at once" doc:"debug, info, warn or error."`
	LogFormat       string         `yaml:"log_format" default:"text" check:"one of text json" reload:"restart" doc:"text or json."`
	Retention       time.Duration  `yaml:"retention" default:"90d" reload:"at once" doc:"How long history is kept. Addresses are personal data: no longer than needed."`
	Useragents      string         `yaml:"useragents" default:"/etc/pbxjail/useragents.d" check:"path" reload:"at once" doc:"Folder of your own lists of user agents, beside the shipped one. It need not exist."`
	AgentFactors    AgentFactors   `yaml:"agent_factors" reload:"at once" doc:"What an event's points are multiplied by when its line carries a user agent of the list."`
	Feeds           []Feed         `yaml:"feeds" optional:"" reload:"at once" doc:"Lists of bad addresses that others keep. None of them ever counts against a protected address."`
	MaxAddresses    int            `yaml:"max_addresses" default:"200000" check:"from 1000 to 10000000" reload:"restart" doc:"How many addresses are remembered at most, over all jails: one that is known in two jails counts twice. Whoever floods us with addresses fills no more memory than this; those who go on are kept, and status says how many made room."`
	Fraud           Fraud          `yaml:"fraud" reload:"at once" doc:"What makes attempts weigh more that look like fraud together."`
	Wire            Wire           `yaml:"wire" reload:"restart" doc:"The packets themselves, as a witness beside the logs. It needs CAP_NET_RAW."`
	PacketRules     PacketRules    `yaml:"packet_rules" reload:"at once" doc:"Rules that drop packets by what is in them, before Asterisk sees them. They stop noise: whoever writes the packet can write another name."`
	Heard           Heard          `yaml:"heard" reload:"restart" doc:"Who sent packets to Asterisk's ports, as the kernel saw it: a witness beside the logs."`
}

// defaultMain is the main file of a machine that has none.
func defaultMain() *Main {
	m := new(Main)
	setDefaults(reflect.ValueOf(m).Elem())
	return m
}
