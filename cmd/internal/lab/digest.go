package lab

import (
	"crypto/md5"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strings"
)

// authorize answers a digest challenge (RFC 2617, 3.2.2), as a header's value.
func authorize(challenge, method, uri, user, password string) string {
	realm, nonce := parameter(challenge, "realm"), parameter(challenge, "nonce")
	secret := sum(user, realm, password)
	answer := fmt.Sprintf(`Digest username="%s", realm="%s", nonce="%s", uri="%s", algorithm=MD5`, user, realm, nonce, uri)
	if opaque := parameter(challenge, "opaque"); opaque != "" {
		answer += fmt.Sprintf(`, opaque="%s"`, opaque)
	}
	if parameter(challenge, "qop") == "" {
		return answer + fmt.Sprintf(`, response="%s"`, sum(secret, nonce, sum(method, uri)))
	}
	own := rand.Text()
	return answer + fmt.Sprintf(`, qop=auth, nc=00000001, cnonce="%s", response="%s"`, own,
		sum(secret, nonce, "00000001", own, "auth", sum(method, uri)))
}

func sum(parts ...string) string {
	digest := md5.Sum([]byte(strings.Join(parts, ":")))
	return hex.EncodeToString(digest[:])
}

// parameter reads one parameter of a challenge, quoted or not.
func parameter(challenge, name string) string {
	for part := range strings.SplitSeq(strings.TrimPrefix(challenge, "Digest "), ",") {
		if key, value, _ := strings.Cut(strings.TrimSpace(part), "="); strings.EqualFold(key, name) {
			return strings.Trim(value, `"`)
		}
	}
	return ""
}
