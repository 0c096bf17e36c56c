package recordings

import (
	"crypto/sha256"
	"encoding/base32"
	"path"
	"regexp"
	"strings"
	"time"
)

// endings are the ends of names of recordings, in lower case: the formats of Asterisk
// (asterisk:formats, exts), and what they are turned into afterwards.
const endings = "wav wav49 gsm g719 g722 g723 g723sf g726-16 g726-24 g726-32 g726-40 g729 ilbc sln sln12 sln16 sln24 sln32 sln44 sln48 sln96 sln192 raw ulaw ul mu pcm alaw al au siren7 siren14 vox ogg opus spx mp3 flac m4a aac h263 h264"

// isSound reports whether a name is that of a recording. Its case does not matter: Asterisk
// writes wav and WAV.
func isSound(name string) bool {
	end := strings.ToLower(strings.TrimPrefix(path.Ext(name), "."))
	for one := range strings.SplitSeq(endings, " ") {
		if end == one {
			return end != "" && len(name) > len(end)+1
		}
	}
	return false
}

var (
	// callName is the end of a name that FreePBX gives: TYPE-TO-FROM-YYYYMMDD-HHMMSS-UNIQUEID.
	callName = regexp.MustCompile(`-(\d{8})-(\d{6})-[0-9.]+$`)
	// dayFolder is the folder of FreePBX for a day.
	dayFolder = regexp.MustCompile(`(?:^|/)(\d{4}/\d{2}/\d{2})(?:/|$)`)
	// messageName is the name of a part of a voicemail message: asterisk:apps/app_voicemail.c,
	// make_file.
	messageName = regexp.MustCompile(`^(msg\d{4})\.([A-Za-z0-9-]+)$`)
	digits      = regexp.MustCompile(`\d+`)
)

// stem is the name of a file without its folder and its ending.
func stem(name string) string {
	name = path.Base(name)
	return strings.TrimSuffix(name, path.Ext(name))
}

// namedDate is the date in the path of a recording, relative to its folder; zero when there
// is none. A day without a time counts as its end.
func namedDate(rel string, zone *time.Location) (latest time.Time) {
	if m := callName.FindStringSubmatch(stem(rel)); m != nil {
		if at, err := time.ParseInLocation("20060102150405", m[1]+m[2], zone); err == nil {
			latest = at
		}
	}
	if m := dayFolder.FindStringSubmatch(path.Dir(rel)); m != nil {
		if day, err := time.ParseInLocation("2006/01/02", m[1], zone); err == nil {
			if end := day.AddDate(0, 0, 1); latest.IsZero() {
				latest = end
			}
		}
	}
	return latest
}

// idText is how an ID is written: no letters that look like digits.
var idText = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

const (
	idLetters = 10 // 50 bits: among 100,000 recordings two have the same with 4 in a million
	// LeastID is how much of an ID must be typed.
	LeastID = 4
)

// idOf is the ID of what a text names.
func idOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return idText.EncodeToString(sum[:])[:idLetters]
}

// IsID reports whether a text can be an ID, or the beginning of one.
func IsID(text string) bool {
	return len(text) >= LeastID && len(text) <= idLetters && strings.Trim(text, "0123456789abcdefghjkmnpqrstvwxyz") == ""
}

// leastEnd is how many last digits of a number must be the same, where two are written with
// and without the prefix of a country.
const leastEnd = 6

// hasNumber reports whether a text has a phone number, in any of its spellings.
func hasNumber(text, number string) bool {
	want := strings.TrimLeft(strings.Join(digits.FindAllString(number, -1), ""), "0")
	if want == "" {
		return false
	}
	for _, run := range digits.FindAllString(text, -1) {
		run = strings.TrimLeft(run, "0")
		short, long := min(len(run), len(want)), run
		if len(want) > len(run) {
			long = want
		}
		switch {
		case run == want:
			return true
		case short >= leastEnd && strings.HasSuffix(long, run) && strings.HasSuffix(long, want):
			return true
		}
	}
	return false
}

// spoken is what a name says of the call: without the date and the unique ID of FreePBX.
func spoken(rel string) string { return callName.ReplaceAllString(stem(rel), "") }
