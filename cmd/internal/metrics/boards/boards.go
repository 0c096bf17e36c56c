// Package boards has a dashboard for Grafana and alert rules for Prometheus, made for the
// metrics of package metrics. jailctl prints them, and the packages install them. It must
// never name a metric that does not exist: tests compare them.
package boards

import _ "embed"

// Dashboard is a dashboard for Grafana, as JSON to import there.
//
//go:embed pbxjail.grafana.json
var Dashboard []byte

// Rules are alert rules for Prometheus, as a file for rule_files.
//
//go:embed pbxjail.rules.yaml
var Rules []byte
