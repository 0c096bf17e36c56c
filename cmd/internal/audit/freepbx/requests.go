package freepbx

import (
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"pbxjail/cmd/internal/audit"
	"pbxjail/cmd/internal/findings"
	"pbxjail/configs/show"
)

// logPatterns are where web servers write what they were asked, with older files.
var logPatterns = []string{"/var/log/httpd/*access*", "/var/log/apache2/*access*", "/var/log/nginx/*access*", "/var/log/httpd/*ssl_request*"}

const (
	mostLogs    = 200
	mostLog     = 512 << 20 // bytes of all logs, unpacked
	mostLogLine = 32 << 10
)

// asked is a request of an attack.
type asked struct {
	what     string
	refused  bool // by its status
	sent     bool // to another address, and so not run
	evidence string
}

// requests looks for requests of known attacks in the logs of the web server.
func requests(m *audit.Machine) (list []findings.Finding) {
	if _, other := look(m); other != nil {
		return nil // the first check says it
	}
	known := knownSigns()
	var all []asked
	left, lines, logs := int64(mostLog), 0, 0
	var unread []string
	var failed error
	for _, pattern := range logPatterns {
		for _, name := range m.Glob(pattern, mostLogs) {
			read, rest, err := eachLine(m, name, left, func(at int, line string) {
				if one, found := known.judgeRequest(line); found && len(all) < mostTraces {
					one.evidence = fmt.Sprintf("%s:%d: %s", named(name), at, one.evidence)
					all = append(all, one)
				}
			})
			left, lines = rest, lines+read
			if err != nil {
				unread, failed = append(unread, name), err
				continue
			}
			logs++
		}
	}
	list = requestFindings(known, all)
	switch {
	case failed != nil:
		f := m.Unseen("web logs", "whether there were requests of an attack", failed)
		f.Evidence = unread
		list = append(list, f)
	case logs == 0:
		if _, err := m.Stat("/var/log/httpd"); err != nil && !missing(err) {
			return append(list, m.Unseen("web logs", "whether there were requests of an attack", err))
		}
		f := findings.Finding{About: "web logs", Severity: findings.Unknown, What: "cannot tell whether there were requests of an attack: there is no log of the web server, or you may not look into its folder"}
		f.Hint = "run jailctl audit as root; it only reads. A known attack deletes these logs"
		list = append(list, f)
	}
	if len(list) == 0 {
		list = append(list, audit.OK("web logs", "%s of %s: no request of a known attack (known on %s). Older requests are not in these logs", show.Count(lines, "line"), show.Count(logs, "log"), known.Date))
	}
	return list
}

// eachLine reads a log, packed or not. rest is how many bytes of the next ones may be read.
func eachLine(m *audit.Machine, name string, most int64, visit func(at int, line string)) (lines int, rest int64, err error) {
	f, err := m.Open(name)
	if err != nil {
		return 0, most, err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || info.IsDir() {
		return 0, most, err
	}
	var in io.Reader = f
	if strings.HasSuffix(name, ".gz") {
		packed, err := gzip.NewReader(f)
		if err != nil {
			return 0, most, fmt.Errorf("cannot unpack %s: %w", named(name), err)
		}
		in = packed
	}
	counted := &io.LimitedReader{R: in, N: most}
	r := bufio.NewReaderSize(counted, mostLogLine)
	for {
		line, err := r.ReadSlice('\n')
		whole := err == nil || errors.Is(err, io.EOF)
		if len(line) > 0 && whole {
			lines++
			visit(lines, string(line))
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull): // the rest of such a line is passed over
			lines++
			visit(lines, string(line))
			for errors.Is(err, bufio.ErrBufferFull) {
				_, err = r.ReadSlice('\n')
			}
			if err == nil {
				continue
			}
		case err == nil && m.Context().Err() == nil:
			continue
		case err == nil:
			return lines, counted.N, m.Context().Err()
		}
		if counted.N <= 0 {
			return lines, 0, errors.New("the logs together are too large")
		}
		if errors.Is(err, io.EOF) {
			return lines, counted.N, nil
		}
		return lines, counted.N, err
	}
}

// requestForm is the request in a line of a log: what the browser says of itself comes
// after it, and counts for nothing.
var requestForm = regexp.MustCompile(`^(\S+) .*?\[([^\]]{1,40})\] "([A-Z]{3,10}) (\S+)(?: HTTP/[0-9.]+)?" (\d{3}) `)

// judgeRequest knows the requests of known attacks.
func (s signs) judgeRequest(line string) (asked, bool) {
	form := requestForm.FindStringSubmatch(line)
	if form == nil {
		return asked{}, false
	}
	from, when, method, target, status := form[1], form[2], form[3], form[4], form[5]
	name, query, _ := strings.Cut(target, "?")
	name = path.Clean("/" + name)
	values, _ := url.ParseQuery(strings.ReplaceAll(query, ";", "%3B"))
	one := asked{evidence: fmt.Sprintf("%s on %s: %s %s, answered with %s", show.Word(from, 64), show.Flat(when, 40), method, show.Flat(target, 160), status)}
	code, _ := strconv.Atoi(status)
	one.refused = code >= 400 && code != 500
	one.sent = slices.Contains([]int{301, 302, 303, 307, 308}, code) // as a server does that moves http to https
	module := values.Get("module")
	switch {
	case method == "POST" && path.Base(name) == "modular.php":
		one.what = "requests to modular.php (CVE-2025-57819)"
	case strings.HasSuffix(name, "/admin/ajax.php") && strings.Contains(strings.ToLower(module), `\modules\endpoint`):
		one.what = "requests that go around the log-in to the module endpoint (CVE-2025-57819)"
	case strings.HasSuffix(name, "/admin/ajax.php") && module == "filestore" && values.Get("command") == "testconnection" && slices.ContainsFunc([]string{"key", "host", "user", "path", "port"}, func(key string) bool { return strings.ContainsAny(values.Get(key), "`;|&$") }):
		one.what = "requests with commands to the module filestore (CVE-2025-64328)"
	case slices.ContainsFunc(s.Web, func(w sign) bool { return name == "/"+w.Path }) && path.Base(name) != "modular.php":
		one.what = "requests to pages that a known attack leaves"
	default:
		return asked{}, false
	}
	return one, true
}

// requestFindings are the requests, those of one kind together. A request that was refused
// says that somebody tried.
func requestFindings(known signs, all []asked) (list []findings.Finding) {
	for _, a := range all {
		what, severity := "somebody tried an attack, and the web server refused it: "+a.what, findings.Note
		doHint := "nothing is to be done for these requests; let no one but you open the web interface (firewall)"
		switch {
		case a.refused:
		case a.sent:
			what = "somebody tried an attack, and the web server only sent the browser to another address: " + a.what
			doHint = "a request to the other address is a line of its own in these logs, and this check looks at that line too; let no one but you open the web interface (firewall)"
		default:
			what, severity = "the web server answered "+a.what+". The attack can have worked", findings.Risky
			doHint = "look at the other signs of this audit (files, cron, accounts, users). If there is one: " + afterBreakIn
		}
		i := slices.IndexFunc(list, func(f findings.Finding) bool { return f.What == what })
		if i < 0 {
			i = len(list)
			list = append(list, findings.Finding{About: "web logs", Severity: severity, What: what, References: known.Sources[:2], Hint: doHint})
		}
		list[i].Evidence = append(list[i].Evidence, a.evidence)
	}
	return list
}
