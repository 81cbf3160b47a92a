// Package panel shows runs on one self-contained web page, for the frame that
// the Temporal Web UI puts on a run's page. The page is made from
// plans.RunStatus alone, knows no operation's phases, reads without a script
// and without colours, and changes nothing.
package panel
