// Package house holds no code: its tests read the sources of the whole program and
// keep the rules that a compiler does not. They read files, rather than ask the go
// command, so that a cached result is never taken for a fresh one.
package house

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "pbxjail"

// arrow says what a package may import of ours, and why no more.
type arrow struct {
	may []string
	why string
}

// arrows is the picture of the house: watcher → parsers → jails → actions. A
// package that is not named here may import nothing of ours.
var arrows = map[string]arrow{
	"watcher":                       {nil, "the watcher is a leaf: it must not know what lines mean"},
	"watcher/wire":                  {nil, "frames in, pieces of conversation out: it must not know what they mean"},
	"watcher/ami":                   {nil, "packets of the manager interface in, actions out: it must not know what packets mean"},
	"watcher/journal":               {nil, "entries of the journal in, lines out: it must not know what they mean, and starts no program itself"},
	"parsers":                       {nil, "parsers are a leaf: text in, events out, usable by jailctl without a daemon"},
	"parsers/manager":               {[]string{"parsers"}, "packets of the manager interface in, events and calls out: it speaks with no one and decides nothing"},
	"parsers/sensor":                {[]string{"parsers", "parsers/sip", "parsers/iax", "parsers/ami", "parsers/web"}, "packets in, events out: it captures nothing and decides nothing"},
	"actions":                       {[]string{"actions/kernel", "actions/ipset", "actions/nft", "actions/xtables"}, "the small face of the enforcers: only prefixes, durations and the operator's own words cross into it, never log text"},
	"actions/kernel":                {nil, "what the enforcers share: it speaks to the kernel, and keeps no bans of its own"},
	"actions/ipset":                 {[]string{"actions/kernel", "actions/xtables"}, "an enforcer knows no other, but for the chains that sets hang in"},
	"actions/nft":                   {[]string{"actions/kernel"}, "an enforcer knows no other"},
	"actions/xtables":               {[]string{"actions/kernel", "actions/packets"}, "chains, and what is in them as plain rules: bans and packet rules"},
	"actions/kerneltest":            {nil, "namespaces and hosts for tests of enforcers; nothing that is shipped imports it"},
	"configs":                       {nil, "configs are a leaf: plain data that anybody may read"},
	"configs/fail2ban":              {nil, "another program's configuration: it is read, and nothing of it is run"},
	"configs/asterisk":              {nil, "what Asterisk's files say is plain data too; only the daemon acts on it"},
	"jails":                         {[]string{"parsers", "configs", "jails/book", "jails/customer", "jails/home", "jails/recent", "jails/tally", "jails/witness", "jails/rates", "jails/fraud"}, "jails decide: now in, verdict out; no lock, no log, no kernel, no disk"},
	"jails/feeds":                   {[]string{"configs"}, "a feed is read and asked; what it is worth is decided in jails"},
	"jails/fraud":                   {[]string{"parsers", "configs", "jails/index", "jails/recent"}, "fraud finds what attempts are together; jails alone decide"},
	"jails/geoip":                   {[]string{"jails", "jails/book"}, "it says where an address is; what that is worth is for jails to decide"},
	"jails/calls":                   {[]string{"configs"}, "calls are counted by account: it knows no address and no ban, and it acts on nothing"},
	"parsers/cdr":                   {nil, "text of call records in, calls out: it must not know what they mean"},
	"jails/rates":                   {[]string{"parsers"}, "it counts what jails charge; it does not decide"},
	"jails/book":                    {[]string{"parsers", "configs"}, "bans, strikes and lines are written down by many and read by many: the ledger and the API must not need the judge for them"},
	"jails/customer":                {[]string{"parsers"}, "which addresses are one customer: arithmetic on addresses, that the judge and its rooms must agree on"},
	"jails/recent":                  {nil, "a map that forgets: it must not know what it holds"},
	"jails/index":                   {[]string{"jails/recent"}, "a map from addresses: it must not know what it holds"},
	"jails/witness":                 {[]string{"parsers", "jails/recent"}, "who knows the packets, and what they say of a record: it knows no jail, and decides nothing"},
	"jails/home":                    {[]string{"parsers", "jails/book", "jails/customer", "jails/index", "jails/recent", "jails/witness"}, "who is at home where: the judge asks it, and it must not judge"},
	"jails/tally":                   {[]string{"parsers", "jails/customer", "jails/index", "jails/recent", "jails/witness"}, "it adds up what addresses did: how much is enough is for the jail to say"},
	"jails/jailstest":               {[]string{"configs", "parsers"}, "what tests of the judge and its rooms start from; it must not import what they test, and nothing that is shipped imports it"},
	"jails/astdb":                   {nil, "it reads Asterisk's own database, which is SQLite too: it knows no ledger, and decides nothing"},
	"jails/warden":                  {[]string{"jails", "jails/book", "jails/home", "jails/rates", "jails/witness", "parsers", "configs"}, "the warden has the lock and the rim: it declares what it needs of a firewall and a ledger, and never reaches for one"},
	"jails/store":                   {[]string{"jails/book", "jails/calls", "jails/customer", "jails/home", "parsers"}, "the ledger stores what jails decide; it does not decide"},
	"jails/history":                 {nil, "what is over, in a file of its own: it must not know the ledger, and nothing waits for it"},
	"cmd/internal/remote":           {[]string{"cmd/internal/findings"}, "what two jailctl say to each other over ssh: it starts no program and opens no connection"},
	"cmd/internal/control":          {[]string{"cmd/internal/sockets"}, "the API has types of its own, so that jailctl does not drag the daemon in"},
	"cmd/internal/sockets":          {nil, "whether a socket is free: a room that decides it by itself takes one from a process that is busy"},
	"cmd/internal/explain":          {[]string{"cmd/internal/control", "jails/book", "parsers"}, "what was decided, in the API's words: it decides nothing"},
	"cmd/internal/host":             {nil, "what this machine says of itself: it decides nothing of it"},
	"cmd/internal/guard":            {[]string{"cmd/internal/host", "cmd/internal/names", "cmd/internal/packetrules", "configs", "configs/asterisk", "jails", "jails/book"}, "who is never banned, the same for the daemon and for replay: it judges nothing"},
	"cmd/internal/setup":            {[]string{"configs", "jails", "jails/book"}, "the judge as the main file says, the same for the daemon and for replay"},
	"cmd/internal/program":          {nil, "programs of this machine for an admin's verbs and messages, and journalctl as a log: the way to a ban starts none"},
	"cmd/internal/recordings":       {[]string{"configs/asterisk"}, "recordings of calls, and what is deleted: it asks no daemon, and the daemon does not know it"},
	"cmd/internal/recordings/page":  {[]string{"cmd/internal/recordings"}, "a report as a page: it looks at nothing"},
	"cmd/internal/findings":         {nil, "how findings are made and ordered: a check gets all it needs, and the engine looks at nothing"},
	"cmd/internal/doctor":           {[]string{"cmd/internal/findings", "cmd/internal/control", "cmd/internal/host", "cmd/internal/logs", "cmd/internal/program", "cmd/internal/survey", "configs", "configs/asterisk", "configs/fail2ban", "jails/geoip"}, "the checks of jailctl doctor: it reads this machine and changes nothing"},
	"cmd/internal/audit":            {[]string{"cmd/internal/findings", "cmd/internal/program", "cmd/internal/survey"}, "what a check of jailctl audit may look at: a part reads a machine through it alone, so that a test can give it another one"},
	"cmd/internal/audit/audittest":  {[]string{"cmd/internal/audit", "cmd/internal/findings"}, "small machines for tests of the audit; nothing that is shipped imports it"},
	"cmd/internal/audit/gdpr":       {[]string{"cmd/internal/audit", "cmd/internal/findings", "cmd/internal/recordings", "configs", "configs/asterisk"}, "a part of the audit: it changes nothing"},
	"cmd/internal/audit/page":       {[]string{"cmd/internal/audit", "cmd/internal/findings"}, "a report as a page: it looks at nothing"},
	"cmd/internal/audit/asterisk":   {[]string{"cmd/internal/audit", "cmd/internal/audit/reach", "cmd/internal/audit/version", "cmd/internal/doctor", "cmd/internal/findings", "cmd/internal/host", "cmd/internal/program", "cmd/internal/survey", "configs/asterisk"}, "a part of the audit: it shares the checks of callers with doctor, and never sees a secret"},
	"cmd/internal/audit/freepbx":    {[]string{"cmd/internal/audit", "cmd/internal/audit/php", "cmd/internal/audit/version", "cmd/internal/findings", "cmd/internal/host", "cmd/internal/program", "configs/asterisk"}, "a part of the audit: it changes nothing, and prints no password"},
	"cmd/internal/audit/parts":      {[]string{"cmd/internal/audit", "cmd/internal/audit/gdpr", "cmd/internal/audit/asterisk", "cmd/internal/audit/freepbx", "cmd/internal/audit/host", "cmd/internal/audit/shellshock", "cmd/internal/audit/tls"}, "the list of the parts of the audit: a part must not know another one"},
	"cmd/internal/audit/host":       {[]string{"cmd/internal/audit", "cmd/internal/audit/reach", "cmd/internal/findings", "cmd/internal/program"}, "a part of the audit: it changes nothing"},
	"cmd/internal/audit/reach":      {[]string{"cmd/internal/audit", "cmd/internal/program"}, "which ports the firewall lets the world reach: it sends no packet, and finds nothing good or bad"},
	"cmd/internal/audit/tls":        {[]string{"cmd/internal/audit", "cmd/internal/audit/tls/hello", "cmd/internal/findings", "configs/asterisk"}, "a part of the audit: it changes nothing"},
	"cmd/internal/audit/tls/hello":  {nil, "bytes of a handshake in and out: it opens no connection"},
	"cmd/internal/audit/shellshock": {[]string{"cmd/internal/audit", "cmd/internal/findings", "cmd/internal/program"}, "a part of the audit: it changes nothing"},
	"cmd/internal/dialplan":         {nil, "lines of the dialplan for an admin to paste: it reads no dialplan, and what it prints comes from no caller"},
	"cmd/internal/survey":           {[]string{"cmd/internal/program"}, "which PBX this is, and what runs beside it: it changes nothing"},
	"cmd/internal/logs":             {[]string{"configs", "configs/asterisk", "parsers"}, "which logs there are and what is wrong with them, the same for the daemon and for replay: it reads none"},
	"cmd/internal/names":            {nil, "a resolver of names in the background: it must not know what they are for"},
	"cmd/internal/daemon":           {[]string{"watcher", "watcher/ami", "watcher/wire", "watcher/journal", "cmd/internal/program", "parsers", "parsers/manager", "parsers/sensor", "parsers/cdr", "jails", "jails/calls", "jails/witness", "jails/book", "jails/home", "jails/warden", "jails/store", "jails/history", "jails/astdb", "jails/rates", "jails/geoip", "jails/feeds", "actions", "actions/packets", "configs", "configs/asterisk", "configs/fail2ban", "cmd/internal/packetrules", "cmd/internal/control", "cmd/internal/explain", "cmd/internal/guard", "cmd/internal/host", "cmd/internal/logs", "cmd/internal/setup", "cmd/internal/notify", "cmd/internal/messages", "cmd/internal/metrics"}, "the one place that knows everybody"},
	"cmd/internal/probe":            {[]string{"actions"}, "the probe proves in namespaces of its own that a rule drops packets"},
	"cmd/internal/lab":              {nil, "the bench must be able to judge the program from outside"},
	"cmd/internal/lab/madelog":      {nil, "logs whose truth is known, for measurements: they must not depend on what is measured"},
	"cmd/internal/messages":         {[]string{"configs", "cmd/internal/program"}, "it carries what it is given to admins: it asks no one what happened, and decides nothing"},
	"cmd/internal/metrics":          {[]string{"cmd/internal/sockets"}, "it serves the numbers that it is given: it asks no one for them, and decides nothing"},
	"cmd/internal/metrics/boards":   {nil, "files for Grafana and Prometheus, printed without the daemon and without its library"},
	"cmd/internal/notify":           {nil, "it carries lines and events to slow readers: it must not know what they mean"},
	"cmd/pbxjail":                   {[]string{"cmd/internal/daemon", "cmd/internal/control", "cmd/internal/notify", "configs"}, "main is flags and signals"},
	"cmd/jailctl":                   {[]string{"parsers", "parsers/sensor", "watcher/wire", "watcher/journal", "jails", "jails/book", "jails/geoip", "jails/feeds", "jails/fraud", "actions/packets", "configs", "configs/asterisk", "configs/fail2ban", "cmd/internal/packetrules", "cmd/internal/audit", "cmd/internal/audit/page", "cmd/internal/audit/parts", "cmd/internal/control", "cmd/internal/doctor", "cmd/internal/dialplan", "cmd/internal/explain", "cmd/internal/findings", "cmd/internal/guard", "cmd/internal/host", "cmd/internal/logs", "cmd/internal/names", "cmd/internal/setup", "cmd/internal/program", "cmd/internal/survey", "cmd/internal/probe", "cmd/internal/remote", "cmd/internal/metrics/boards", "cmd/internal/recordings", "cmd/internal/recordings/page"}, "jailctl talks to the socket: it neither follows a log nor touches the firewall; replay reads traces with the leaf that captures, and captures nothing; doctor --probe has namespaces of its own; of names it looks up only the one that an admin gives to tunnel"},
	"cmd/pbxjail-fail2ban-client":   {[]string{"cmd/internal/control", "configs/fail2ban"}, "another program's words for the control socket: it decides nothing"},
	"cmd/pbxlab":                    {[]string{"cmd/internal/lab", "cmd/internal/lab/madelog", "cmd/internal/control"}, "the bench runs the programs as a user would"},

	"actions/packets":          {nil, "a rule is plain data, and printed for jailctl without the firewall"},
	"cmd/internal/house/words": {[]string{"cmd/internal/house/words/count"}, "it prints what is counted"},
	"cmd/internal/packetrules": {[]string{"actions/packets", "configs"}, "what the main file says of packets, the same for the daemon and for print"},
}

// leaves say once what every room says: every package may import them, and they import
// nothing of ours and no library. They hold no state and decide nothing.
var leaves = map[string]string{
	"configs/beat":   "one clock for all that is done from time to time: a processor that sleeps wakes up once for all rooms",
	"configs/hint":   "an error with what the operator can do about it: each room makes such errors, and the printers must know them all",
	"configs/show":   "foreign text, times and counts for people: a room that escapes by itself forgets a case",
	"configs/ports":  "one spelling of what a ban closes: jails decide it, the ledger stores it, and the enforcers do it",
	"configs/prefix": "one spelling of addresses and networks: two rooms that differ ban an address and do not find it again",
}

// thirdParty says who alone may import a library, and why.
var thirdParty = map[string]arrow{
	"golang.org/x/net/bpf":           {[]string{"watcher/wire"}, "only the capture gives the kernel a filter"},
	"golang.org/x/net/dns":           {[]string{"cmd/internal/names"}, "the resolver of the system knows no NAPTR records"},
	"github.com/spf13/viper":         {[]string{"configs"}, "one reader of the main file"},
	"github.com/coreos/go-iptables":  {[]string{"actions/xtables"}, "only enforcers touch the firewall"},
	"github.com/google/nftables":     {[]string{"actions/nft", "cmd/internal/probe"}, "only enforcers touch the firewall; the probe has one of its own"},
	"github.com/nxadm/tail":          {[]string{"watcher"}, "it serves named pipes; over a rotation of files it loses lines"},
	"github.com/fsnotify/fsnotify":   {[]string{"watcher", "jails/geoip"}, "events are hints, and only who reads the files knows the truth behind them"},
	"github.com/oschwald":            {[]string{"jails/geoip"}, "one reader of places"},
	"github.com/maxmind":             {nil, "tests alone make such files"},
	"modernc.org/sqlite":             {[]string{"jails/astdb", "jails/history", "jails/store"}, "one writer of the ledger, one of the history, and one reader of Asterisk's database"},
	"github.com/spf13/cobra":         {[]string{"cmd/jailctl", "cmd/pbxlab"}, "only these have verbs"},
	"github.com/vishvananda/netlink": {[]string{"actions", "actions/ipset", "actions/kernel", "actions/kerneltest", "cmd/internal/lab", "cmd/internal/probe", "cmd/pbxlab"}, "only enforcers and the benches speak to the kernel's network"},
	"github.com/vishvananda/netns":   {[]string{"actions/kerneltest", "cmd/internal/lab", "cmd/internal/probe"}, "only the benches leave the host's namespace"},
	"github.com/gaissmai/bart":       {[]string{"jails", "jails/feeds"}, "tables of prefixes are asked for each event"},
	"github.com/wneessen/go-mail":    {[]string{"cmd/internal/messages"}, "one room sends mail"},
	"github.com/prometheus":          {[]string{"cmd/internal/metrics"}, "one room speaks to Prometheus"},
	"go4.org/netipx":                 {[]string{"jails/feeds"}, "sets of addresses are subtracted where protection beats a feed"},
	"html/template":                  {[]string{"cmd/internal/audit/page", "cmd/internal/recordings/page"}, "these rooms make pages"},
	"text/template":                  {nil, "nothing is made from templates (CVE-2021-32749)"},
}

// source is one Go file.
type source struct {
	pkg, name string // slash-separated, from the top
	file      *ast.File
	fset      *token.FileSet
	lines     int
}

func sources(t *testing.T) []source {
	t.Helper()
	top := filepath.Join("..", "..", "..")
	var list []source
	err := filepath.WalkDir(top, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == ".git" || d.Name() == "testdata" || d.Name() == "bin") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(p, ".go") {
			return nil
		}
		text, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(top, p)
		if err != nil {
			return err
		}
		fset := token.NewFileSet()
		f, err := parser.ParseFile(fset, p, text, parser.ParseComments)
		if err != nil {
			return err
		}
		name := filepath.ToSlash(rel)
		list = append(list, source{pkg: path.Dir(name), name: name, file: f, fset: fset, lines: strings.Count(string(text), "\n")})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(list) < 40 {
		t.Fatalf("got %d sources, want the whole program: the walk is broken", len(list))
	}
	return list
}

func (s source) isTest() bool { return strings.HasSuffix(s.name, "_test.go") }

func (s source) imports(t *testing.T) (list []string) {
	t.Helper()
	for _, i := range s.file.Imports {
		p, err := strconv.Unquote(i.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, p)
	}
	return list
}

func TestArrows(t *testing.T) {
	for _, s := range sources(t) {
		if s.isTest() {
			continue
		}
		for _, i := range s.imports(t) {
			to, ours := strings.CutPrefix(i, module+"/")
			if !ours {
				continue
			}
			if leaves[to] != "" && leaves[s.pkg] == "" {
				continue
			}
			a, known := arrows[s.pkg]
			if !known {
				t.Errorf("%s imports %s: package %s is not in the picture; draw its arrows in arrows_test.go", s.name, i, s.pkg)
			} else if !slices.Contains(a.may, to) {
				t.Errorf("%s imports %s: %s", s.name, i, a.why)
			}
		}
	}
}

// TestLeaves: whatever a leaf imported, every room would import too.
func TestLeaves(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range sources(t) {
		if leaves[s.pkg] == "" {
			continue
		}
		seen[s.pkg] = true
		for _, i := range s.imports(t) {
			if !s.isTest() && strings.Contains(i, ".") || strings.HasPrefix(i, module+"/") {
				t.Errorf("%s imports %s: a leaf imports the standard library alone", s.name, i)
			}
		}
	}
	for pkg := range leaves {
		if !seen[pkg] {
			t.Errorf("leaf %s is gone: take it out of the table", pkg)
		}
	}
}

// TestBenchesAreNotShipped: what tests and benches need is in no program that runs
// beside a PBX.
func TestBenchesAreNotShipped(t *testing.T) {
	imports := map[string][]string{}
	for _, s := range sources(t) {
		if !s.isTest() {
			imports[s.pkg] = append(imports[s.pkg], s.imports(t)...)
		}
	}
	for _, program := range []string{"cmd/pbxjail", "cmd/jailctl"} {
		seen, next := map[string]bool{}, []string{program}
		for len(next) > 0 {
			pkg := next[0]
			next = next[1:]
			for _, i := range imports[pkg] {
				to, ours := strings.CutPrefix(i, module+"/")
				bench := to == "cmd/internal/lab" || strings.HasPrefix(to, "cmd/internal/lab/") || strings.HasSuffix(to, "test") && ours
				if bench || i == "testing" || strings.HasPrefix(i, "testing/") {
					t.Errorf("%s imports %s, by way of %s", program, i, pkg)
				}
				if ours && !seen[to] {
					seen[to] = true
					next = append(next, to)
				}
			}
		}
		if len(seen) < 5 {
			t.Errorf("%s imports %d packages of ours: the walk is broken", program, len(seen))
		}
	}
}

func TestLibrariesStayInTheirRoom(t *testing.T) {
	for _, s := range sources(t) {
		if s.isTest() {
			continue
		}
		for _, i := range s.imports(t) {
			for lib, a := range thirdParty {
				if (i == lib || strings.HasPrefix(i, lib+"/")) && !slices.Contains(a.may, s.pkg) {
					t.Errorf("%s imports %s: %s", s.name, i, a.why)
				}
			}
		}
	}
}

func TestEveryPackageSaysWhatItIs(t *testing.T) {
	said := map[string]bool{}
	for _, s := range sources(t) {
		if !s.isTest() {
			said[s.pkg] = said[s.pkg] || s.file.Doc != nil
		}
	}
	for pkg, ok := range said {
		if !ok {
			t.Errorf("package %s has no package comment: what it does, who calls it, what it must never do", pkg)
		}
	}
}
