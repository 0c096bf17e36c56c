// Package madelog makes logs of Asterisk whose truth is known, for measurements: what a
// reader must find in them. pbxlab and benchmarks call it. It must never read a log, and
// nothing that ships may import it.
package madelog

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"os"
	"time"
)

// Truth is what a reader must find in a made log.
type Truth struct {
	Lines, Attacks int
	Bytes          int64
	Addrs          map[netip.Addr]int // lines of attacks, by address
}

// logMaker makes logs as a busy PBX writes them. The same kind and length are the same
// bytes, on every machine.
type logMaker struct {
	r     *rand.Rand
	out   *bufio.Writer
	at    time.Time
	lines int
	calls []callOfLog // that go on
	begun int         // how many calls
	truth Truth
}

// callOfLog is a call: it has a thread of its own.
type callOfLog struct{ thread, id int }

// The threads of Asterisk's modules. A caller never sees their numbers, so pbxjail takes a
// record of a known thread for Asterisk's own.
const (
	threadSecurity = 3101
	threadChanSIP  = 3105
	threadPJSIP    = 3110 // and the next ones: a pool
	poolPJSIP      = 8
	threadIAX      = 3120
	poolIAX        = 3
	threadManager  = 3130
	threadCalls    = 3300 // and on: each call a new one
	callsAtOnce    = 24
)

// What the made logs are like.
const (
	attackersOfLog = 2000
	linesASecond   = 200
	fullAttacks    = 20 // one line of so many is an attack
	secureAttacks  = 4
)

// WriteFile makes a log at path. See Write.
func WriteFile(path, kind string, lines int) (truth Truth, err error) {
	f, err := os.Create(path)
	if err != nil {
		return truth, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return Write(f, kind, lines)
}

// Write makes a log of a kind: "full" is a full log with one attack in 20 lines, "security" a
// log of security events with one in 4. The same kind and length are the same bytes.
func Write(to io.Writer, kind string, lines int) (Truth, error) {
	m := &logMaker{
		r: rand.New(rand.NewPCG(42, uint64(len(kind)))), out: bufio.NewWriterSize(to, 1<<16),
		at: time.Date(2026, 5, 1, 8, 0, 0, 0, time.UTC), truth: Truth{Lines: lines, Addrs: map[netip.Addr]int{}},
	}
	write, rare := m.ofFull, fullAttacks
	if kind == "security" {
		write, rare = m.ofSecurity, secureAttacks
	}
	for ; m.lines < lines; m.lines++ {
		write(m.r.IntN(rare) == 0)
	}
	return m.truth, m.out.Flush()
}

// put writes a record of Asterisk's logger with `dateformat=%F %T`.
func (m *logMaker) put(level string, thread int, call, file, format string, args ...any) {
	n, _ := fmt.Fprintf(m.out, "[%s] %s[%d]%s %s: ", m.now().Format(time.DateTime), level, thread, call, file)
	more, _ := fmt.Fprintf(m.out, format, args...)
	m.out.WriteByte('\n')
	m.truth.Bytes += int64(n + more + 1)
}

func (m *logMaker) now() time.Time {
	return m.at.Add(time.Duration(m.lines) * time.Second / linesASecond)
}

// ofCall writes a record of one of the calls that go on.
func (m *logMaker) ofCall(level, file, format string, args ...any) {
	for len(m.calls) < callsAtOnce {
		m.calls = append(m.calls, m.newCall())
	}
	i := m.r.IntN(callsAtOnce)
	if m.r.IntN(60) == 0 {
		m.calls[i] = m.newCall()
	}
	m.put(level, m.calls[i].thread, m.calls[i].mark(), file, format, args...)
}

func (m *logMaker) newCall() callOfLog {
	m.begun++
	return callOfLog{threadCalls + m.begun, m.begun}
}

func (c callOfLog) mark() string { return fmt.Sprintf("[C-%08x]", c.id) }

func (m *logMaker) pjsip() int { return threadPJSIP + m.r.IntN(poolPJSIP) }

func (m *logMaker) one(of ...string) string { return of[m.r.IntN(len(of))] }
func (m *logMaker) ext() string             { return fmt.Sprint(2000 + m.r.IntN(400)) }
func (m *logMaker) port() uint16            { return uint16(1024 + m.r.IntN(60_000)) }
func (m *logMaker) hex(digits int) (text string) {
	for len(text) < digits {
		text += fmt.Sprintf("%016x", m.r.Uint64())
	}
	return text[:digits]
}

// Attacker is the nth of a million attackers with IPv4. No byte of it is 0: the pattern of
// one program that is compared takes no such address.
func Attacker(nth int) netip.Addr {
	return netip.AddrFrom4([4]byte{byte(20 + nth/62_500), byte(1 + nth/250%250), byte(1 + nth%250), 7})
}

// phone is always the same address for an extension.
func phone(ext string) netip.Addr {
	return netip.AddrFrom4([4]byte{10, 8, ext[1] - '0', (ext[2]-'0')*10 + ext[3] - '0' + 10})
}

func (m *logMaker) channel() string {
	return fmt.Sprintf("%s/%s-%08x", m.one("PJSIP", "PJSIP", "SIP"), m.ext(), m.r.IntN(1<<16))
}

// attackerOfLog is one of the attackers: a few of them do most.
func (m *logMaker) attackerOfLog() netip.Addr {
	share := m.r.Float64()
	a := Attacker(int(share * share * attackersOfLog))
	if m.r.IntN(40) == 0 {
		a = netip.AddrFrom16([16]byte{0x20, 0x01, 0x0d, 0xb8, 0, 1, byte(1 + m.r.IntN(200)), byte(1 + m.r.IntN(250)), 15: 7})
	}
	m.truth.Attacks++
	m.truth.Addrs[a]++
	return a
}

func (m *logMaker) ofFull(attack bool) {
	if attack {
		m.attackInFull(netip.AddrPortFrom(m.attackerOfLog(), m.port()))
		return
	}
	switch n := m.r.IntN(200); {
	case n < 104:
		m.ofCall("VERBOSE", "pbx.c", `Executing [%s@%s:%d] %s("%s", "%s") in new stack`, m.one("s", m.ext(), "h", "_9X."), m.one("from-internal", "from-pstn", "macro-exten-vm", "sub-pincheck", "ext-group"),
			1+m.r.IntN(70), m.one("Set", "GotoIf", "NoOp", "Macro", "Gosub", "ExecIf", "Dial", "Hangup"), m.channel(), m.one("DIALSTATUS=", "0?skip:next", "CALLERID(name)="+m.ext(), "TIMEOUT(absolute)=7200", "PJSIP/"+m.ext()+",20,tr"))
	case n < 118:
		m.ofCall("VERBOSE", "app_dial.c", "%s %s", m.channel(), m.one("is ringing", "is busy", "answered "+m.channel(), "is making progress passing it to "+m.channel()))
	case n < 128:
		m.ofCall("VERBOSE", "bridge_channel.c", "Channel %s %s 'simple_bridge' basic-bridge <%s>", m.channel(), m.one("joined", "left"), m.hex(32))
	case n < 142:
		ext := m.ext()
		m.put("VERBOSE", m.pjsip(), "", "res_pjsip/pjsip_options.c", "Contact %s/sip:%s@%s:%d is now %s.  RTT: %d.%03d msec", ext, ext, phone(ext), m.port(), m.one("Reachable", "Unreachable"), m.r.IntN(90), m.r.IntN(1000))
	case n < 150:
		ext := m.ext()
		m.put("VERBOSE", m.pjsip(), "", "res_pjsip_registrar.c", "Added contact 'sip:%s@%s:%d' to AOR '%s' with expiration of %s seconds", ext, phone(ext), m.port(), ext, m.one("120", "600", "3600"))
	case n < 164:
		m.ofCall("VERBOSE", "file.c", "<%s> Playing '%s.gsm' (language 'en')", m.channel(), m.one("demo-congrats", "vm-goodbye", "digits/3", "custom/night"))
	case n < 178:
		m.ofCall("DEBUG", "res_rtp_asterisk.c", "Sent RTP packet to %s:%d (type 00, seq %06d, ts %06d, len 000160)", phone(m.ext()), m.port(), m.r.IntN(1<<16), m.r.IntN(1_000_000))
	case n < 188:
		m.put("DEBUG", m.pjsip(), "", "res_pjsip/pjsip_distributor.c", "Calculated serializer pjsip/distributor-%08x to use for Request msg REGISTER/cseq=%d (rdata0x7f%s)", m.r.IntN(999), m.r.IntN(99_999), m.hex(10))
	case n < 192:
		m.put("NOTICE", threadChanSIP, "", "chan_sip.c", "Peer '%s' is now %s (%dms / 2000ms)", m.ext(), m.one("Reachable.", "Lagged."), m.r.IntN(2500))
	case n < 195:
		m.ofCall("WARNING", "chan_sip.c", "Retransmission timeout reached on transmission %s@%s for seqno %d (Critical Response) -- See the wiki", m.hex(24), PBX, m.r.IntN(999))
	case n < 197:
		m.put("NOTICE", m.pjsip(), "", "res_pjsip/pjsip_configuration.c", "Endpoint %s is now %s", m.ext(), m.one("Reachable", "Unreachable"))
	default:
		m.ofCall("VERBOSE", "pbx.c", "Spawn extension (from-internal, %s, %d) exited non-zero on '%s'", m.ext(), m.r.IntN(40), m.channel())
	}
}

// PBX is the own address of the PBX in made logs (RFC 5737).
const PBX = "192.0.2.20"

func (m *logMaker) account() string {
	return m.one("100", "101", "200", "1000", "5001", "admin", "test", "trunk", "sipuser")
}

func (m *logMaker) attackInFull(from netip.AddrPort) {
	user, number := m.account(), m.one("00441632960123", "+4930231250000", "9011441632960", "000972599999999")
	switch n := m.r.IntN(100); {
	case n < 30:
		m.put("NOTICE", threadChanSIP, "", "chan_sip.c", `Registration from '"%s" <sip:%s@%s>' failed for '%s' - %s`, user, user, PBX, from, m.one("Wrong password", "No matching peer found", "Username/auth name mismatch", "Device does not match ACL"))
	case n < 45:
		m.put("NOTICE", threadChanSIP, m.newCall().mark(), "chan_sip.c", "Call from '%s' (%s) to extension '%s' rejected because extension not found in context 'default'.", m.one("", "", user), from, number)
	case n < 80:
		m.put("NOTICE", m.pjsip(), "", "res_pjsip/pjsip_distributor.c", "Request '%s' from '<sip:%s@%s>' failed for '%s' (callid: %s) - %s", m.one("REGISTER", "REGISTER", "INVITE"), user, PBX, from, m.hex(32),
			m.one("No matching endpoint found", "Failed to authenticate", fmt.Sprintf("No matching endpoint found after %d tries in %d.%03d ms", 6+m.r.IntN(30), m.r.IntN(5000), m.r.IntN(1000))))
	case n < 92:
		m.put("NOTICE", m.pjsip(), m.newCall().mark(), "res_pjsip_session.c", " anonymous: Call (%s:%s) to extension '%s' rejected because extension not found in context 'public'.", m.one("UDP", "TCP"), from, number)
	case n < 97:
		m.put("NOTICE", threadIAX+m.r.IntN(poolIAX), "", "chan_iax2.c", "Host %s failed MD5 authentication for '%s' (%s != %s)", from.Addr(), user, m.hex(32), m.hex(32))
	default:
		m.put("NOTICE", threadManager, "", "manager.c", "%s tried to authenticate with nonexistent user '%s'", from.Addr(), user)
	}
}

func (m *logMaker) ofSecurity(attack bool) {
	event, severity, version, account, tail := "ChallengeSent", "Informational", "1", m.ext(), `,Challenge="`+m.nonce()+`"`
	addr := phone(account)
	n := m.r.IntN(100)
	switch {
	case attack:
		severity, account, addr, tail = "Error", m.account(), m.attackerOfLog(), ""
		switch {
		case n < 35:
			event = "InvalidAccountID"
		case n < 70:
			event, account = "ChallengeResponseFailed", m.one("<unknown>", account)
			tail = fmt.Sprintf(`,Challenge="%s",Response="%s",ExpectedResponse=""`, m.nonce(), m.hex(32))
		case n < 94:
			event, version = "InvalidPassword", "2"
			nonce := m.hex(8)
			tail = fmt.Sprintf(`,Challenge="%s",ReceivedChallenge="%s",ReceivedHash="%s"`, nonce, nonce, m.hex(32))
		default:
			event, tail = "FailedACL", `,ACLName="registration_attempt"`
		}
	case n < 45:
		event, tail = "SuccessfulAuth", `,UsingPassword="1"`
	}
	service, session := "PJSIP", m.hex(32)
	if m.r.IntN(5) == 0 {
		service, session = "SIP", "0x7f"+m.hex(10)
	}
	m.security(event, severity, service, version, account, session, m.one("UDP", "UDP", "UDP", "TCP"), addr, tail)
}

func (m *logMaker) nonce() string { return fmt.Sprintf("%d/%s", m.at.Unix(), m.hex(32)) }

// security writes one event as asterisk:main/security_events.c puts its fields in order.
func (m *logMaker) security(event, severity, service, version, account, session, transport string, from netip.Addr, tail string) {
	family, own := "4", PBX
	if from.Is6() {
		family, own = "6", "2001:db8::20"
	}
	m.put("SECURITY", threadSecurity, "", "res_security_log.c", `SecurityEvent="%s",EventTV="%s",Severity="%s",Service="%s",EventVersion="%s",AccountID="%s",SessionID="%s",LocalAddress="IPV%s/%s/%s/5060",RemoteAddress="IPV%s/%s/%s/%d"%s`,
		event, m.now().Format("2006-01-02T15:04:05.000-0700"), severity, service, version, account, session, family, transport, own, family, transport, from, m.port(), tail)
}
