package wsman

import (
	"bytes"
	"crypto/rand"
	"encoding/xml"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// The namespaces and addresses of WS-Management. [MS-WSMV] 2.2.1.
const (
	nsSOAP     = "http://www.w3.org/2003/05/soap-envelope"
	nsShell    = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell"
	nsTransfer = "http://schemas.xmlsoap.org/ws/2004/09/transfer"
	nsIdentify = "http://schemas.dmtf.org/wbem/wsman/identity/1/wsmanidentity.xsd"
	nsWSMan    = "http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd"
	shellCmd   = nsShell + "/cmd"
	anonymous  = "http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous"

	envelopeStart = `<s:Envelope xml:lang="en-US" xmlns:s="` + nsSOAP + `" xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing" xmlns:x="` + nsTransfer + `" xmlns:w="` + nsWSMan + `" xmlns:p="http://schemas.microsoft.com/wbem/wsman/1/wsman.xsd" xmlns:rsp="` + nsShell + `">`
)

type named struct {
	Name string `xml:"Name,attr"`
	Text string `xml:",chardata"`
}

// request is a message as any of the known clients writes it; names are matched
// whatever their prefix.
type request struct {
	XMLName xml.Name
	Header  struct {
		To               string  `xml:"To"`
		MaxEnvelopeSize  int     `xml:"MaxEnvelopeSize"`
		OperationTimeout string  `xml:"OperationTimeout"`
		MessageID        string  `xml:"MessageID"`
		Action           string  `xml:"Action"`
		ResourceURI      string  `xml:"ResourceURI"`
		Selectors        []named `xml:"SelectorSet>Selector"`
		Options          []named `xml:"OptionSet>Option"`
	} `xml:"Header"`
	Body struct {
		Identify *struct{} `xml:"Identify"`
		Shell    *struct {
			IdleTimeOut string `xml:"IdleTimeOut"`
			Input       string `xml:"InputStreams"`
			Output      string `xml:"OutputStreams"`
		} `xml:"Shell"`
		CommandLine *struct {
			CommandID string   `xml:"CommandId,attr"`
			Command   string   `xml:"Command"`
			Arguments []string `xml:"Arguments"`
		} `xml:"CommandLine"`
		Send *struct {
			Streams []struct {
				Name      string `xml:"Name,attr"`
				CommandID string `xml:"CommandId,attr"`
				End       string `xml:"End,attr"`
				Data      string `xml:",chardata"`
			} `xml:"Stream"`
		} `xml:"Send"`
		Receive *struct {
			Desired struct {
				CommandID string `xml:"CommandId,attr"`
				Names     string `xml:",chardata"`
			} `xml:"DesiredStream"`
		} `xml:"Receive"`
		Signal *struct {
			CommandID string `xml:"CommandId,attr"`
			Code      string `xml:"Code"`
		} `xml:"Signal"`
	} `xml:"Body"`
}

func parseRequest(b []byte) (*request, error) {
	var r request
	if err := xml.Unmarshal(b, &r); err != nil {
		return nil, err
	}
	if r.XMLName.Local != "Envelope" || r.XMLName.Space != nsSOAP {
		return nil, errors.New("not a SOAP 1.2 envelope")
	}
	h := &r.Header
	h.Action, h.MessageID, h.ResourceURI = strings.TrimSpace(h.Action), strings.TrimSpace(h.MessageID), strings.TrimSpace(h.ResourceURI)
	return &r, nil
}

func pick(list []named, name string) string {
	for _, n := range list {
		if strings.EqualFold(n.Name, name) {
			return strings.TrimSpace(n.Text)
		}
	}
	return ""
}

// timeout is the OperationTimeout, cut to MaxTimeoutms.
func (r *request) timeout() time.Duration {
	d, ok := parseSeconds(strings.TrimSpace(r.Header.OperationTimeout))
	if !ok || d > maxTimeout {
		return maxTimeout
	}
	return max(d, 500*time.Millisecond)
}

var secondsForm = regexp.MustCompile(`^PT(\d{1,9}(?:\.\d{1,9})?)S$`)

func parseSeconds(s string) (time.Duration, bool) {
	m := secondsForm.FindStringSubmatch(s)
	if m == nil {
		return 0, false
	}
	f, err := strconv.ParseFloat(m[1], 64)
	return time.Duration(f * float64(time.Second)), err == nil
}

// answer wraps a body for a request.
func answer(r *request, action, body string) []byte {
	return fmt.Appendf(nil, `%s<s:Header><a:Action>%s</a:Action><a:MessageID>uuid:%s</a:MessageID><a:To>%s</a:To><a:RelatesTo>%s</a:RelatesTo></s:Header><s:Body>%s</s:Body></s:Envelope>`,
		envelopeStart, escape(action), newGUID(), anonymous, escape(r.Header.MessageID), body)
}

func identifyAnswer(known bool) []byte {
	version := "OS: 0.0.0 SP: 0.0 Stack: 3.0"
	if known {
		version = "OS: 10.0.20348 SP: 0.0 Stack: 3.0"
	}
	return fmt.Appendf(nil, `<s:Envelope xml:lang="en-US" xmlns:s="%s"><s:Header/><s:Body><wsmid:IdentifyResponse xmlns:wsmid="%s"><wsmid:ProtocolVersion>%s</wsmid:ProtocolVersion><wsmid:ProductVendor>Microsoft Corporation</wsmid:ProductVendor><wsmid:ProductVersion>%s</wsmid:ProductVersion></wsmid:IdentifyResponse></s:Body></s:Envelope>`,
		nsSOAP, nsIdentify, nsWSMan, version)
}

// fault is a WS-Management fault. [MS-WSMV] 2.2.4.43 WSManFault.
type fault struct {
	code             uint32
	sender           bool
	subcode, message string
}

func (f *fault) Error() string { return fmt.Sprintf("%d: %s", f.code, f.message) }

// The faults the service answers; codes are those of wsmerror.h.
var (
	faultTimeout    = &fault{2150858793, false, "w:TimedOut", "The WS-Management service cannot complete the operation within the time specified in OperationTimeout.  "}
	faultOperations = &fault{2150859174, true, "w:QuotaLimit", fmt.Sprintf("The WS-Management service cannot process the request. The maximum number of concurrent operations for this user has been exceeded. This user is allowed a maximum number of %d concurrent operations, which has been exceeded. Close existing operations for this user, or raise the quota for this user. ", maxOperations)}
	faultProcesses  = &fault{2150859175, true, "w:QuotaLimit", fmt.Sprintf("The WS-Management service cannot process the request. This user is allowed a maximum number of %d processes per shell, which has been exceeded. Close existing processes or raise the quota for this user. ", maxProcesses)}
	faultSchema     = &fault{2150858817, true, "w:SchemaValidationError", "The WS-Management service cannot process the request because the XML is invalid. "}
	faultAction     = &fault{2150858754, true, "a:ActionNotSupported", "The WS-Management service cannot process the request because the action is not supported. "}
	faultAborted    = &fault{995, false, "w:InternalError", "The I/O operation has been aborted because of either a thread exit or an application request. "}
	faultPipe       = &fault{2147942632, false, "w:InternalError", "The pipe is being closed. "}
	faultParameter  = &fault{2147942487, true, "w:InternalError", "The parameter is incorrect. "}
	faultAccess     = &fault{5, true, "w:AccessDenied", "Access is denied. "}
	faultResource   = &fault{2150858752, true, "a:DestinationUnreachable", "The WS-Management service cannot process the request. The resource URI is missing or it has an incorrect format. Check the documentation or use a resource URI that the service knows. "}
)

func faultShells(n int) *fault {
	return &fault{2150859173, true, "w:QuotaLimit", fmt.Sprintf("The WS-Management service cannot process the request. This user is allowed a maximum number of %d concurrent shells, which has been exceeded. Close existing shells or raise the quota for this user. ", n)}
}

func faultShell(id string) *fault {
	return &fault{2150858843, true, "w:InvalidSelectors", "The request for the Windows Remote Shell with ShellId " + id + " failed because the shell was not found on the server. Possible causes are: the specified ShellId is incorrect or the shell no longer exists on the server. Provide the correct ShellId or create a new shell and retry the operation. "}
}

// render writes the fault as an answer to r, which may be nil.
func (f *fault) render(r *request, machine string) []byte {
	relates := ""
	if r != nil {
		relates = r.Header.MessageID
	}
	who := "s:Receiver"
	if f.sender {
		who = "s:Sender"
	}
	return fmt.Appendf(nil, `%s<s:Header><a:Action>http://schemas.dmtf.org/wbem/wsman/1/wsman/fault</a:Action><a:MessageID>uuid:%s</a:MessageID><a:To>%s</a:To><a:RelatesTo>%s</a:RelatesTo></s:Header><s:Body><s:Fault><s:Code><s:Value>%s</s:Value><s:Subcode><s:Value>%s</s:Value></s:Subcode></s:Code><s:Reason><s:Text xml:lang="en-US">%s</s:Text></s:Reason><s:Detail><f:WSManFault xmlns:f="http://schemas.microsoft.com/wbem/wsman/1/wsmanfault" Code="%d" Machine="%s"><f:Message>%s</f:Message></f:WSManFault></s:Detail></s:Fault></s:Body></s:Envelope>`,
		envelopeStart, newGUID(), anonymous, escape(relates), who, f.subcode, escape(f.message), f.code, escape(machine), escape(f.message))
}

func escape(s string) string {
	var b bytes.Buffer
	_ = xml.EscapeText(&b, []byte(s))
	return b.String()
}

func newGUID() string {
	var b [16]byte
	rand.Read(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%X-%X-%X-%X-%X", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
