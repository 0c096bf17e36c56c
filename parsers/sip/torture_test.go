package sip

import (
	"strings"
	"testing"
)

// The cases are those of RFC 4475, by its names, in messages of our own: what each of
// them tortures is kept, the rest is not. want is what must be read all the same.
var torture = []struct {
	name    string
	text    string // lines end with \n here, and with CRLF on the wire
	problem Problem
	want    got
}{
	{"wsinv: blanks, folded lines and odd cases everywhere", `INVITE sip:callee@pbx.example;unknownparam SIP/2.0
TO :
 sip:callee@pbx.example ;   tag    = b1ab2cd31e
from   : "A. Liddell \\\""       <sip:alice@phone.example>
  ;
  tag = 76f52ddf5d
MaX-fOrWaRdS: 0068
Call-ID: wsinv-72e6cc3a@192.0.2.156
Content-Length   : 150
cseq: 0009
  INVITE
Via  : SIP  /   2.0
 /UDP
    192.0.2.2;branch=cd72fdf202
s :
Strange-Header:   some words
 and some more
Odd-Header: ;;,,;;,;
Content-Type: application/sdp
v:  SIP  / 2.0  / TCP     hub.example   ;
  branch  =   z9hG4bK9eb394fb36  ,
 SIP  /    2.0   / UDP  192.168.255.111   ; branch=
 z9hG4bK8af1d69ed6
m:"Quoted string \"\"" <sip:alice@phone.example> ; newparam =
      newvalue ;
  secondparam ; q = 0.33

`, Fine, got{Invite, 0, "callee", "cd72fdf202", "192.0.2.2", "alice", "76f52ddf5d", "callee", "b1ab2cd31e", "wsinv-72e6cc3a@192.0.2.156", 9}},
	{"intmeth: a method and a user of every character", `!Odd-Method42_*+` + "`" + `.%yes'~ sip:2_odd.user~(so!it)&is+it$/not?,/;;*:&a=1,strange!*pass$w~d_.(too)@pbx.example SIP/2.0
Via: SIP/2.0/TCP host1.example;branch=z9hG4bK-.!%66*_+` + "`" + `'~
To: "BEL:\` + "\x07" + ` NUL:\` + "\x00" + ` DEL:\` + "\x7f" + `" <sip:2_odd.user@pbx.example>
From: token1~` + "`" + ` token2'+_ token3*%!.- <sip:mundane@example>;fromParam''~+*_!.-%="` + "\xd1\x80" + `";tag=_token~1'+` + "`" + `*%!-.
Call-ID: intmeth.word%ZK-!.*_+'@word` + "`" + `~)(><:\/"][?}{
CSeq: 77123001 !Odd-Method42_*+` + "`" + `.%yes'~
Max-Forwards: 255
extensionHeader-!.%*+_` + "`" + `'~: x
Content-Length: 0

`, BadBytes, got{UnknownMethod, 0, "2_odd.user~(so!it)&is+it$/not?,/", "z9hG4bK-.!%66*_+`'~", "host1.example", "mundane", "_token~1'+`*%!-.", "2_odd.user", "", "intmeth.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{", 77123001}},
	{"esc01: escapes in names", `INVITE sip:sips%3Auser%40example.com@pbx.example SIP/2.0
To: sip:%75se%72@example.com
From: <sip:I%20have%20spaces@pbx.example>;tag=e90dd27a65
Call-ID: esc01-892f902b@192.0.2.94
CSeq: 234234 INVITE
Via: SIP/2.0/UDP host5.pbx.example;branch=z9hG4bK21aa05e11a
Content-Length: 0

`, Fine, got{Invite, 0, "sips%3Auser%40example.com", "z9hG4bK21aa05e11a", "host5.pbx.example", "I%20have%20spaces", "e90dd27a65", "%75se%72", "", "esc01-892f902b@192.0.2.94", 234234}},
	{"escnull: an escaped NUL is a name like others", `REGISTER sip:example.com SIP/2.0
To: sip:null-%00-null@example.com
From: sip:null-%00-null@example.com;tag=5514a0f9e7
Call-ID: escnull-506bf2ef@192.0.2.150
CSeq: 14398234 REGISTER
Via: SIP/2.0/UDP host5.example.com;branch=z9hG4bK21aa05e11a
L:0

`, Fine, got{Register, 0, "", "z9hG4bK21aa05e11a", "host5.example.com", "null-%00-null", "5514a0f9e7", "null-%00-null", "", "escnull-506bf2ef@192.0.2.150", 14398234}},
	{"esc02: an escape in the method is no escape", `REGI%53TE%52 sip:registrar.example.com SIP/2.0
To: "%Q%41" <sip:resource@example.com>
From: "%Q%41" <sip:resource@example.com>;tag=b57631a992
Call-ID: esc02-81e74ef5@192.0.2.10
Via: SIP/2.0/TCP host.example.com;branch=z9hG4bKfc1df9fd78%fzsnel234
CSeq: 29344 REGI%53TE%52
Content-Length: 0

`, Fine, got{UnknownMethod, 0, "", "z9hG4bKfc1df9fd78%fzsnel234", "host.example.com", "resource", "b57631a992", "resource", "", "esc02-81e74ef5@192.0.2.10", 29344}},
	{"lwsdisp: no blank between name and bracket", `OPTIONS sip:user@example.com SIP/2.0
To: sip:user@example.com
From: caller<sip:caller@example.com>;tag=a390fbbd11
Call-ID: lwsdisp-8d116ece@192.0.2.16
CSeq: 60 OPTIONS
Via: SIP/2.0/UDP odd.example.com;branch=z9hG4bK21aa05e11a
l: 0

`, Fine, got{Options, 0, "user", "z9hG4bK21aa05e11a", "odd.example.com", "caller", "a390fbbd11", "user", "", "lwsdisp-8d116ece@192.0.2.16", 60}},
	{"semiuri: a semicolon in the user", `OPTIONS sip:user;par=u%40example.net@example.com SIP/2.0
To: sip:j_user@example.com
From: sip:caller@example.org;tag=5d96d0cc5f
Call-ID: semiuri-faecbd38@192.0.2.31
CSeq: 8 OPTIONS
Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK21aa05e11a

`, Fine, got{Options, 0, "user", "z9hG4bK21aa05e11a", "192.0.2.1", "caller", "5d96d0cc5f", "j_user", "", "semiuri-faecbd38@192.0.2.31", 8}},
	{"transports: unknown transports in Via", `OPTIONS sip:user@example.com SIP/2.0
To: sip:user@example.com
From: <sip:caller@example.com>;tag=a390fbbd11
Call-ID: transports-2e44158b@192.0.2.149
CSeq: 60 OPTIONS
Via: SIP/2.0/UNKNOWN t1.example.com;branch=z9hG4bK21aa05e11a
Via: SIP/2.0/UDP t2.example.com;branch=z9hG4bK2374c9df6a

`, Fine, got{Options, 0, "user", "z9hG4bK21aa05e11a", "t1.example.com", "caller", "a390fbbd11", "user", "", "transports-2e44158b@192.0.2.149", 60}},
	{"unreason: a reason of many bytes", "SIP/2.0 200 fine & well \xd0\xbd\xd0\xbe\n" + `Via: SIP/2.0/UDP 192.0.2.198;branch=z9hG4bK2fd70820fe
Call-ID: unreason-269e0d37@192.0.2.167
CSeq: 35 INVITE
From: sip:user@example.com;tag=dcd1bc52d9
To: sip:user@example.edu;tag=4a010c4759
Content-Length: 154

`, Fine, got{Invite, 200, "", "z9hG4bK2fd70820fe", "192.0.2.198", "user", "dcd1bc52d9", "user", "4a010c4759", "unreason-269e0d37@192.0.2.167", 35}},
	{"noreason: none at all", "SIP/2.0 100 \n" + `Via: SIP/2.0/UDP 192.0.2.105;branch=z9hG4bK27ab1031d0
Call-ID: noreason-930d6eaf@192.0.2.135
CSeq: 35 INVITE
From: <sip:user@example.com>;tag=8e8ca81811
To: <sip:user@example.edu>;tag=93c4aaeac1

`, Fine, got{Invite, 100, "", "z9hG4bK27ab1031d0", "192.0.2.105", "user", "8e8ca81811", "user", "93c4aaeac1", "noreason-930d6eaf@192.0.2.135", 35}},
	{"badinv01: stray commas and semicolons", `INVITE sip:user@example.com SIP/2.0
To: sip:j.user@example.com
From: sip:caller@example.net;tag=e4d269a9a5
Call-ID: badinv01-f9ebdacc@192.0.2.12
CSeq: 8 INVITE
Via: SIP/2.0/UDP 192.0.2.15;;,;,,
Contact: "Joe" <sip:joe@example.org>;;;;
Content-Length: 152

`, Fine, got{Invite, 0, "user", "", "192.0.2.15", "caller", "e4d269a9a5", "j.user", "", "badinv01-f9ebdacc@192.0.2.12", 8}},
	{"ncl: a negative length", `INVITE sip:user@example.com SIP/2.0
To: sip:j.user@example.com
From: sip:caller@example.net;tag=46e2257159
Call-ID: ncl-ec66a787@192.0.2.93
CSeq: 0 INVITE
Via: SIP/2.0/UDP 192.0.2.53;branch=z9hG4bK21aa05e11a
Content-Length: -999

`, Fine, got{Invite, 0, "user", "z9hG4bK21aa05e11a", "192.0.2.53", "caller", "46e2257159", "j.user", "", "ncl-ec66a787@192.0.2.93", 0}},
	{"scalar02: numbers that are too large", `REGISTER sip:example.com SIP/2.0
Via: SIP/2.0/TCP host129.example.com;branch=z9hG4bKb3b1fee08f
To: <sip:user@example.com>
From: <sip:user@example.com>;tag=fedf1582b0
CSeq: 36893488147419103232 REGISTER
Call-ID: scalar02-830e07bc@192.0.2.43
Max-Forwards: 300
Expires: 10000000000000000000000000000000
Content-Length: 0

`, BadCSeq, got{Register, 0, "", "z9hG4bKb3b1fee08f", "host129.example.com", "user", "fedf1582b0", "user", "", "scalar02-830e07bc@192.0.2.43", 0}},
	{"quotbal: a quote that does not end", `INVITE sip:user@example.com SIP/2.0
To: "No end <sip:j.user@example.com>
From: sip:caller@example.net;tag=9043435cc5
Call-ID: quotbal-95e60af5@192.0.2.13
CSeq: 8 INVITE
Via: SIP/2.0/UDP 192.0.2.59:5050;branch=z9hG4bKafc1d3fcff

`, Fine, got{Invite, 0, "user", "z9hG4bKafc1d3fcff", "192.0.2.59:5050", "caller", "9043435cc5", "j.user", "", "quotbal-95e60af5@192.0.2.13", 8}},
	{"ltgtruri: brackets around the request URI", `INVITE <sip:user@example.com> SIP/2.0
To: sip:user@example.com
From: sip:caller@example.net;tag=4d2d1c9af0
Call-ID: ltgtruri-2217bead@192.0.2.108
CSeq: 1 INVITE
Via: SIP/2.0/UDP 192.0.2.5

`, Fine, got{Invite, 0, "user", "", "192.0.2.5", "caller", "4d2d1c9af0", "user", "", "ltgtruri-2217bead@192.0.2.108", 1}},
	{"lwsstart: too many blanks in the first line", `INVITE  sip:user@example.com  SIP/2.0
To: sip:user@example.com
From: sip:caller@example.net;tag=4d2d1c9af0
Call-ID: lwsstart-1600a35a@192.0.2.108
CSeq: 1893884 INVITE
Via: SIP/2.0/UDP host1.example.com;branch=z9hG4bKae5051c1cc

`, Fine, got{Invite, 0, "user", "z9hG4bKae5051c1cc", "host1.example.com", "caller", "4d2d1c9af0", "user", "", "lwsstart-1600a35a@192.0.2.108", 1893884}},
	{"trws: blanks behind the first line", "OPTIONS sip:far-end@example.com SIP/2.0  \n" + `Via: SIP/2.0/TCP host1.example.com;branch=z9hG4bKd77d2caf82
To: <sip:far-end@example.com>
From: <sip:near-end@example.com>;tag=cb3f63af83
Call-ID: trws-301850c5@192.0.2.25
CSeq: 238923 OPTIONS

`, Fine, got{Options, 0, "far-end", "z9hG4bKd77d2caf82", "host1.example.com", "near-end", "cb3f63af83", "far-end", "", "trws-301850c5@192.0.2.25", 238923}},
	{"badvers: another version", `OPTIONS sip:m.hare@example.org SIP/7.0
Via: SIP/7.0/UDP c.example.com;branch=z9hG4bK21aa05e11a
From: C. Hatter <sip:c.hatter@example.com>;tag=c2e25a7605
To: M. Hare <sip:m.hare@example.org>
Call-ID: badvers-f29d0da9@192.0.2.148
CSeq: 1 OPTIONS

`, BadVersion, got{Options, 0, "m.hare", "z9hG4bK21aa05e11a", "c.example.com", "c.hatter", "c2e25a7605", "m.hare", "", "badvers-f29d0da9@192.0.2.148", 1}},
	{"mismatch01: CSeq of another method", `OPTIONS sip:user@example.com SIP/2.0
To: sip:j.user@example.com
From: sip:caller@example.net;tag=63bbbe9ea
Call-ID: mismatch01-11e20b8f@192.0.2.24
CSeq: 8 INVITE
Via: SIP/2.0/UDP host.example.com;branch=z9hG4bK21aa05e11a

`, OtherMethod, got{Options, 0, "user", "z9hG4bK21aa05e11a", "host.example.com", "caller", "63bbbe9ea", "j.user", "", "mismatch01-11e20b8f@192.0.2.24", 8}},
	{"bigcode: a status that does not fit", `SIP/2.0 4294967301 a reader must not stumble
Via: SIP/2.0/UDP 192.0.2.105;branch=z9hG4bK27ab1031d0
Call-ID: bigcode-34b9b5df@192.0.2.175
CSeq: 353494 INVITE
From: <sip:user@example.com>;tag=8e8ca81811
To: <sip:user@example.edu>;tag=93c4aaeac1

`, BadStart, got{method: NoMethod, branch: "z9hG4bK27ab1031d0", sentBy: "192.0.2.105", from: "user", fromTag: "8e8ca81811", to: "user", toTag: "93c4aaeac1", callID: "bigcode-34b9b5df@192.0.2.175", cseq: 353494}},
	{"badbranch: the cookie and nothing else", `OPTIONS sip:user@example.com SIP/2.0
To: sip:user@example.com
From: sip:caller@example.org;tag=5d96d0cc5f
Call-ID: badbranch-4cbd87ad@192.0.2.204
CSeq: 8 OPTIONS
Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK

`, Fine, got{Options, 0, "user", "z9hG4bK", "192.0.2.1", "caller", "5d96d0cc5f", "user", "", "badbranch-4cbd87ad@192.0.2.204", 8}},
	{"insuf: nearly all headers are missing", `INVITE sip:user@example.com SIP/2.0
CSeq: 193942 INVITE
Via: SIP/2.0/UDP 192.0.2.95;branch=z9hG4bKfe98289fcd
Content-Type: application/sdp
l: 152

`, NoFrom, got{Invite, 0, "user", "z9hG4bKfe98289fcd", "192.0.2.95", "", "", "", "", "", 193942}},
	{"unkscm: a scheme that does not exist", `OPTIONS madeup:anything-at-all SIP/2.0
To: sip:user@example.com
From: sip:caller@example.net;tag=40f3fe39c0
Call-ID: unkscm-0c5c7fd0@192.0.2.211
CSeq: 3923423 OPTIONS
Via: SIP/2.0/TCP host9.example.com;branch=z9hG4bKafc1d3fcff

`, Fine, got{Options, 0, "", "z9hG4bKafc1d3fcff", "host9.example.com", "caller", "40f3fe39c0", "user", "", "unkscm-0c5c7fd0@192.0.2.211", 3923423}},
	{"multi01: what may come once comes twice", `INVITE sip:user@company.example SIP/2.0
Contact: <sip:caller@host25.example.net>
Via: SIP/2.0/UDP 192.0.2.25;branch=z9hG4bK21aa05e11a
CSeq: 5 INVITE
Call-ID: multi01-c7a2ea20@192.0.2.21
CSeq: 59 INVITE
Call-ID: multi01-881ed162@192.0.2.199
From: sip:caller@example.com;tag=2a26a2c0bd
To: sip:user@example.com
To: sip:other@example.net
From: sip:caller@example.net;tag=6f0f17a300

`, Twice, got{Invite, 0, "user", "z9hG4bK21aa05e11a", "192.0.2.25", "caller", "2a26a2c0bd", "user", "", "multi01-c7a2ea20@192.0.2.21", 5}},
	{"inv2543: no branch, as RFC 2543 allowed", `INVITE sip:UserB@example.com SIP/2.0
Via: SIP/2.0/UDP iftgw.example.com
From: <sip:+13035551111@ift.client.example.net;user=phone>
To: sip:+16505552222@ss1.example.net;user=phone
Call-ID: inv2543-9531985d@192.0.2.233
CSeq: 56 INVITE
Content-Type: application/sdp

`, Fine, got{Invite, 0, "UserB", "", "iftgw.example.com", "+13035551111", "", "+16505552222", "", "inv2543-9531985d@192.0.2.233", 56}},
}

// got is what a test looks at.
type got struct {
	method                                                 Method
	status                                                 uint16
	user, branch, sentBy, from, fromTag, to, toTag, callID string
	cseq                                                   uint32
}

func gotOf(m *Message) got {
	return got{m.Method, m.Status, string(m.User), string(m.Branch), string(m.SentBy), string(m.FromUser), string(m.FromTag), string(m.ToUser), string(m.ToTag), string(m.CallID), m.CSeq}
}

func wired(text string) []byte { return []byte(strings.ReplaceAll(text, "\n", "\r\n")) }

func TestTorture(t *testing.T) {
	for _, c := range torture {
		for _, b := range [][]byte{wired(c.text), []byte(c.text)} {
			var m Message
			Read(b, &m)
			if m.Problem != c.problem || gotOf(&m) != c.want {
				t.Errorf("%s: got %v %+v, want %v %+v", c.name, m.Problem, gotOf(&m), c.problem, c.want)
			}
			if !m.Whole || m.Head != len(b) {
				t.Errorf("%s: got a head of %d bytes, whole %v, want %d", c.name, m.Head, m.Whole, len(b))
			}
		}
	}
}
