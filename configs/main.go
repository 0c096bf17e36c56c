package configs

import (
	"net/netip"
	"reflect"
	"time"
)

// DefaultMain is the path of the main file when no other is given.
const DefaultMain = "/etc/pbxjail/pbxjail.yaml"

// Main is the main file. The tags hold the documentation; Reference prints it.
type Main struct {
	File     string   // where it was read; "" for the built-in defaults
	Warnings Problems // values that were read differently from how they are written

	logsLine int // line of the key logs in the file

	Jails           string         `yaml:"jails" default:"/etc/pbxjail.d" check:"path" reload:"at once" doc:"Folder of jail files: each file is one jail. A shipped jail applies where the folder has no file of its name."`
	Logs            []string       `yaml:"logs" fail2ban:"logpath" optional:"[/srv/asterisk/log/full, /srv/asterisk/log/security]" check:"log" reload:"at once" doc:"Asterisk's logs, for all jails. Full paths, patterns, or units in the journal (journal:asterisk.service). They replace the logs of the shipped jails, and jail files without logs use them. A jail that reads what the dialplan writes (sipsec) also reads its own log."`
	Defaults        Defaults       `yaml:"defaults" fail2ban:"DEFAULT" optional:"{maxretry: 10, bantime: 4h}" reload:"at once" doc:"Settings for all jails, with the keys of a jail file. Each of these replaces values of the one before it: built-in defaults, the shipped jail, defaults, the jail's own file. Not here: enabled, logs, match, ignoreip, samples."`
	Ignoreip        []netip.Prefix `yaml:"ignoreip" optional:"[127.0.0.0/8, 198.51.100.0/24]" reload:"at once" doc:"Addresses and networks that no jail ever bans. This host's own addresses need not be named: they are never banned."`
	IgnoreHosts     []string       `yaml:"ignore_hosts" optional:"[trunk.example.net]" reload:"at once" doc:"Host names whose addresses no jail ever bans. They are looked up in the background. If a lookup fails, the last good answer stays in use."`
	ProtectAdmins   time.Duration  `yaml:"protect_admins" default:"24h" reload:"at once" doc:"How long the address of an admin is protected after it was last seen: an SSH session on this machine (utmp or logind), or a call of jailctl by root over SSH. forever is allowed."`
	ProtectLocalnet bool           `yaml:"protect_localnet" default:"true" reload:"at once" doc:"Never ban an address in localnet (sip.conf) or local_net (pjsip.conf): the networks on our side of the NAT. Set false if strangers share that network; phones that logged in there stay protected."`
	Asterisk        string         `yaml:"asterisk" default:"/etc/asterisk" check:"path" reload:"at once" doc:"Folder of Asterisk's own configuration. Trunks and peers with an address there are never banned."`
	ProtectLogins   time.Duration  `yaml:"protect_logins" default:"30d" reload:"at once" doc:"How long an account is at home at the address where it logged in with a password (IPv6: in its /64). Failures of accounts at home never ban that address: they are logged, once an hour. If the first login of an account comes after five failures, pbxjail raises an alarm, and the account is not at home there until jailctl ack. forever is allowed."`
	DayOne          bool           `yaml:"day_one" default:"true" reload:"restart" doc:"For one hour after the first start with a new database, a ban lasts at most 15 minutes and closes only the attacked ports, because pbxjail does not know yet who logs in. false: bans follow the jails from the start."`
	LoginAllowance  int            `yaml:"login_allowance" default:"3" check:"from 1 to 5" reload:"at once" doc:"How many times maxretry an address may reach while accounts are at home there, before failures of other accounts ban it. It leaves room for an office that sets up a new phone. 1: the same limit as any address."`
	IPv6            int            `yaml:"ipv6" default:"64" check:"from 48 to 128" reload:"at once" doc:"Prefix length of one IPv6 customer. Points count for the single address and for its prefix. One address with enough points is banned alone. Several with enough points together ban the whole prefix, unless an address inside is protected or an account is at home there. 64 is one line, 48 one site; 128 counts single addresses only. NAT64 addresses count as the IPv4 address in them, and are never banned together."`
	GeoIP           GeoIP          `yaml:"geoip" reload:"at once" doc:"Countries and networks of addresses."`
	Enforcer        string         `yaml:"enforcer" default:"auto" check:"one of auto ipset iptables nftables observe" reload:"restart" doc:"How packets are dropped. auto uses ipset if the kernel and iptables have it, else nftables, else iptables (one rule for each ban). observe drops nothing."`
	Hook            string         `yaml:"hook" default:"raw" check:"one of raw filter" reload:"restart" doc:"Where the kernel calls our chain: raw (PREROUTING, before connection tracking, so that a ban also stops running calls) or filter (INPUT)."`
	Action          string         `yaml:"action" default:"drop" check:"one of drop reject" reload:"restart" doc:"What happens to packets of a banned or listed address: drop, or reject, which answers port unreachable. reject needs hook: filter, and shows attackers that a host is there."`
	Chain           string         `yaml:"chain" default:"pbxjail" reload:"restart" doc:"Name of our chain, and the beginning of the names of our sets. With hook: filter and the FreePBX firewall it must be f2b-pbxjail, or FreePBX flushes it."`
	EndTCP          bool           `yaml:"end_tcp" default:"false" reload:"restart" doc:"When an address is banned, end its TCP connections (also TLS and WebSocket): pbxjail closes Asterisk's sockets, and the peer gets a reset. false: packets are only dropped, and Asterisk keeps the connection until it times out. Works with both hooks; the kernel needs CONFIG_INET_DIAG_DESTROY."`
	Stubborn        int            `yaml:"stubborn" default:"0" check:"from 0" reload:"at once" doc:"How many packets a banned address may send before its ban restarts. 0: a ban never restarts. Only for bans that a log caused, and not longer than their evidence allows. Checked every minute."`
	Observe         bool           `yaml:"observe" default:"false" reload:"restart" doc:"Decide and record, but ban no address."`
	Database        string         `yaml:"database" default:"/var/lib/pbxjail/pbxjail.db" check:"path" reload:"restart" doc:"The database file: bans, strikes, the log lines that led to them, and how far each log was read."`
	Socket          string         `yaml:"socket" default:"/run/pbxjail/pbxjail.sock" check:"path" reload:"restart" doc:"Unix socket that jailctl connects to."`
	Group           string         `yaml:"group" default:"pbxjail" reload:"restart" doc:"Members of this group may use the socket. If the group does not exist, only root may."`
	LogLevel        string         `yaml:"log_level" default:"info" check:"one of debug info warn error" reload:"at once" doc:"debug, info, warn or error."`
	LogFormat       string         `yaml:"log_format" default:"text" check:"one of text json" reload:"restart" doc:"text or json."`
	Retention       time.Duration  `yaml:"retention" default:"90d" reload:"at once" doc:"How long history is kept, where no keep_ key below says otherwise. Addresses are personal data: do not keep them longer than needed."`
	KeepBans        time.Duration  `yaml:"keep_bans" optional:"52w" reload:"at once" doc:"How long bans that are over, and alarms, are kept. Strikes are counted from them: do not write less than forgive_after of your jails. Left out: retention."`
	KeepLines       time.Duration  `yaml:"keep_lines" optional:"30d" reload:"at once" doc:"How long the log lines behind a ban are kept after its end. Left out: retention."`
	KeepLogIns      time.Duration  `yaml:"keep_log_ins" optional:"60d" reload:"at once" doc:"How long pbxjail remembers which account logged in from where, after the last log-in, and which countries it called, after the last call there. Do not write less than protect_logins. Left out: retention."`
	KeepAudit       time.Duration  `yaml:"keep_audit" optional:"52w" reload:"at once" doc:"How long the commands of admins are kept (jailctl audit-log). Left out: retention."`
	KeepNumbers     time.Duration  `yaml:"keep_numbers" optional:"14d" reload:"at once" doc:"How long the numbers that callers dialled are kept in the history. Left out: retention."`
	KeepCounts      time.Duration  `yaml:"keep_counts" optional:"forever" reload:"at once" doc:"How long the sums per hour of the history are kept. They name no address and no account. Left out: retention."`
	KeepAddresses   time.Duration  `yaml:"keep_addresses" optional:"30d" reload:"at once" doc:"How long whole addresses are kept after the end of a ban: then the history has their /24 (IPv6: /48), and the database forgets the ban, its lines and its strike. Left out, or forever: as long as the ban is kept."`
	MaxDatabase     Size           `yaml:"max_database" default:"2GB" check:"from 32MB" reload:"at once" doc:"Size of the history and the database together. At the limit the oldest entries of the history are deleted; the log and status say so."`
	Useragents      string         `yaml:"useragents" default:"/etc/pbxjail/useragents.d" check:"path" reload:"at once" doc:"Folder of your own lists of user agents. They add to the shipped list. The folder need not exist."`
	AgentFactors    AgentFactors   `yaml:"agent_factors" reload:"at once" doc:"An event's points are multiplied by this when its line names a user agent of the list."`
	Feeds           []Feed         `yaml:"feeds" optional:"" reload:"at once" doc:"Lists of bad addresses that others maintain. They never count against a protected address."`
	MaxAddresses    int            `yaml:"max_addresses" default:"200000" check:"from 1000 to 10000000" reload:"restart" doc:"How many addresses are remembered at most, in all jails together: an address in two jails counts twice. An attacker with very many addresses cannot use more memory than this. At the limit, addresses that are quiet are forgotten first; status shows how many."`
	Fraud           Fraud          `yaml:"fraud" reload:"at once" doc:"Attempts that together look like fraud get more points."`
	Traps           Traps          `yaml:"traps" reload:"at once" doc:"Accounts and numbers that do not exist: only an attacker tries them."`
	Calls           Calls          `yaml:"calls" reload:"at once" doc:"Calls of stolen accounts: limits for each account, and what happens when they are reached."`
	Wire            Wire           `yaml:"wire" reload:"restart" doc:"The sensor on the wire: it reads packets, as a witness beside the logs. It needs CAP_NET_RAW."`
	PacketRules     PacketRules    `yaml:"packet_rules" reload:"at once" doc:"Rules that drop packets by their content, before Asterisk sees them. They only reduce noise: an attacker can write another name into the packet."`
	Fail2ban        string         `yaml:"fail2ban" optional:"/etc/fail2ban" check:"path" reload:"at once" doc:"Folder in which a web interface (FreePBX, Issabel) writes settings for fail2ban: jail.local and jail.d. Their ignoreip, maxretry, findtime and bantime replace those of the jails with each reload. Left out: /etc/fail2ban, as long as fail2ban-client is that of the package pbxjail-fail2ban. A folder that does not exist switches this off."`
	Notify          Notify         `yaml:"notify" reload:"at once" doc:"Messages for admins: who gets to know what, and how. jailctl help notify explains it."`
	Metrics         Metrics        `yaml:"metrics" reload:"at once" doc:"Counters of pbxjail for Prometheus. Off, until listen says where to read them. jailctl help prometheus explains it."`
	AMI             AMI            `yaml:"ami" reload:"restart" doc:"The manager interface of Asterisk (AMI), as a witness beside the logs: security events, who is registered, trunks. jailctl help ami explains it."`
	Recordings      Recordings     `yaml:"recordings" reload:"at once" doc:"Recordings of calls and voicemail: how long they are kept, on which lawful ground, and where they are. Only jailctl recordings and jailctl audit use it. jailctl help recordings explains it."`
	Heard           Heard          `yaml:"heard" reload:"restart" doc:"The kernel's record of who sent packets to Asterisk's ports: a witness beside the logs."`
}

// defaultMain is the main file of a machine that has none.
func defaultMain() *Main {
	m := new(Main)
	setDefaults(reflect.ValueOf(m).Elem())
	m.keepAsRetention(nil)
	return m
}

// keepAsRetention gives the kinds of history that were not given a time of their own that of
// retention; and voicemail that of recordings.
func (m *Main) keepAsRetention(given map[string]int) {
	for key, keep := range map[string]*time.Duration{
		"keep_bans": &m.KeepBans, "keep_lines": &m.KeepLines, "keep_log_ins": &m.KeepLogIns,
		"keep_audit": &m.KeepAudit, "keep_numbers": &m.KeepNumbers, "keep_counts": &m.KeepCounts,
	} {
		if _, ok := given[key]; !ok {
			*keep = m.Retention
		}
	}
	if _, ok := given["recordings.voicemail"]; !ok {
		m.Recordings.Voicemail = m.Recordings.Retention
	}
}
