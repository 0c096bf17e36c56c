package configs

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"pbxjail/configs/show"
)

// Recordings is the policy for recordings of calls and for voicemail. The daemon does not
// use it: jailctl recordings reads it at each call. The zero value has no retention, and then
// nothing is ever deleted.
type Recordings struct {
	Retention time.Duration `yaml:"retention" optional:"90d" doc:"How long recordings are kept. jailctl recordings expire deletes older ones; nothing is deleted by itself. Left out, or forever: nothing is ever deleted."`
	Voicemail time.Duration `yaml:"voicemail" optional:"30d" doc:"How long voicemail messages are kept; forever: expire deletes none of them. Left out: retention."`
	Ground    string        `yaml:"ground" optional:"\"consent of the caller (GDPR article 6(1)(a)), announced before the call\"" doc:"The lawful ground of the recordings, in your own words. jailctl audit asks for it, and jailctl recordings report prints it for the data-protection officer."`
	Folders   []string      `yaml:"folders" optional:"[/srv/recordings]" check:"path" doc:"More folders with recordings, beside those that pbxjail finds by itself: monitor, recording, meetme and voicemail in the spool folder of Asterisk, and MIXMON_DIR of FreePBX. Expire deletes in a folder that only a file of Asterisk or FreePBX names if it is written here as well, unless root alone can change that file. Below a folder with the name voicemail are mailboxes."`
	KeepTrail time.Duration `yaml:"keep_trail" default:"156w" doc:"How long the trail keeps who deleted or held which recording (jailctl recordings trail). It holds no names of files and no phone numbers."`
	State     string        `yaml:"state" default:"/var/lib/pbxjail-recordings" check:"path" doc:"Folder of the holds and of the trail. It belongs to root, with mode 0700. It must not be in a folder that other users can write to."`
}

// leastRetention is the shortest retention. A retention without a unit is a number of
// seconds, and nearly always meant in days.
const leastRetention = 24 * time.Hour

// wholeDisks are folders that hold much more than recordings.
var wholeDisks = []string{"/", "/bin", "/boot", "/dev", "/etc", "/home", "/lib", "/lib64", "/media", "/mnt", "/opt", "/proc", "/root", "/run", "/sbin", "/srv", "/sys", "/tmp", "/usr", "/var", "/var/lib", "/var/log", "/var/spool", "/var/spool/asterisk", "/var/www"}

func (r *Recordings) validate(d *decoder) {
	short := func(key string, keep time.Duration) {
		if _, given := d.given["recordings."+key]; given && keep != Forever && keep < leastRetention {
			d.fault("recordings."+key, "write a number of days, such as 90d, or forever", "%s is shorter than one day", show.Duration(keep))
		}
	}
	short("retention", r.Retention)
	short("voicemail", r.Voicemail)
	for i, f := range r.Folders {
		if slices.Contains(wholeDisks, path.Clean(f)) {
			d.fault(fmt.Sprintf("recordings.folders[%d]", i), "write the folder that holds the recordings and nothing else, such as /srv/recordings", "%s holds more than recordings", quote(f))
		}
	}
	if state := path.Clean(r.State); strings.HasPrefix(state, "/") && (slices.Contains(wholeDisks, state) || state == "/var/lib/pbxjail") {
		d.fault("recordings.state", "write a folder of its own, such as /var/lib/pbxjail-recordings", "%s is the folder of other things", quote(r.State))
	}
}
