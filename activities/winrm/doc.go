// Package winrm carries calls to one Hyper-V host: it keeps Windows PowerShell
// sessions behind WinRS, sends them frames (docs/pump.md) and says exactly what
// is known about each call: not sent, sent without an answer, or answered.
//
// A session is two TCP connections, so that a waiting Receive never holds up a
// Send, and so that NTLM, which belongs to a connection, shakes hands once for
// each. Basic is spoken over TLS alone; NTLM over plain HTTP always seals its
// messages; there is no falling back from one mechanism to another.
//
// The wire is MS-WSMV over WS-Management (learn.microsoft.com,
// openspecs/windows_protocols/ms-wsmv). Tested against a simulated peer; not
// yet against a Windows host.
package winrm
