package lab

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"strings"
)

// registrar answers as a PBX with accounts does: it challenges a REGISTER and an INVITE,
// lets in who knows the password, and challenges the others again, as PJSIP does
// (RFC 3261, 22). Each challenge has a nonce of its own, and all are taken.
type registrar struct {
	accounts map[string]string // passwords by user
	secret   string            // what all its nonces begin with
}

const realm = "asterisk"

// Challenge makes the responder a PBX with accounts, and their passwords. It may be
// called while Run runs.
func (r *Responder) Challenge(accounts map[string]string) {
	r.registrar.Store(&registrar{accounts, rand.Text()})
}

// answer answers any request but an ACK.
func (r *registrar) answer(request []byte) (response []byte, ok bool) {
	line, rest, _ := bytes.Cut(request, []byte("\r\n"))
	method, _, _ := strings.Cut(string(line), " ")
	if !bytes.HasSuffix(line, []byte(" SIP/2.0")) || method == "ACK" {
		return nil, false
	}
	message := Response{text: string(rest)}
	status, more := "200 OK", ""
	if (method == "REGISTER" || method == "INVITE") && !r.admits(method, message.header("Authorization")) {
		status = "401 Unauthorized"
		more = fmt.Sprintf("WWW-Authenticate: Digest realm=\"%s\", nonce=\"%s%s\", algorithm=MD5\r\n", realm, r.secret, rand.Text())
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "SIP/2.0 %s\r\n", status)
	for _, name := range []string{"Via", "From", "Call-ID", "CSeq"} {
		fmt.Fprintf(&b, "%s: %s\r\n", name, message.header(name))
	}
	fmt.Fprintf(&b, "To: %s;tag=pbx\r\n%sServer: lab\r\nContent-Length: 0\r\n\r\n", message.header("To"), more)
	return b.Bytes(), true
}

// admits reports whether the answer to a challenge has the right password.
func (r *registrar) admits(method, authorization string) bool {
	user, nonce := parameter(authorization, "username"), parameter(authorization, "nonce")
	password, known := r.accounts[user]
	if !known || !strings.HasPrefix(nonce, r.secret) {
		return false
	}
	return parameter(authorization, "response") == sum(sum(user, realm, password), nonce, sum(method, parameter(authorization, "uri")))
}
