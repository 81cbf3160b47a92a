// Package powershell interprets the part of Windows PowerShell 5.1 that host
// scripts of this project allow themselves: functions, pipelines, hashtables,
// errors, the binder of parameters, and a dozen core cmdlets with their 5.1
// habits. What lies outside is refused by line and construct, never guessed.
//
// It knows nothing of Hyper-V: cmdlets beyond the core come through [Commands].
// The language is described in Microsoft's about_* pages and in the "Windows
// PowerShell Language Specification"; each habit kept here names its page.
package powershell
