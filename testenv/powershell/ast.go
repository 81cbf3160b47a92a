package powershell

// node is any piece of parsed text; at is its line, from 1.
type node interface{ at() int }

type line int

func (l line) at() int { return int(l) }

type (
	// block is a list of statements with its param().
	block struct {
		line
		params   []parameter
		advanced bool // [CmdletBinding()] or [Parameter()] was seen
		body     []node
	}
	parameter struct {
		name, typ string
		value     node
		mandatory bool
		position  int // -1 when not said
		pipeline  string
		aliases   []string
		set       []string // ValidateSet
	}

	function struct {
		line
		name string
		body *block
		text string
	}
	ifNode struct {
		line
		conditions []node
		bodies     []*block
		otherwise  *block
	}
	foreach struct {
		line
		name string
		over node
		body *block
	}
	loop struct {
		line
		first, condition, step node
		body                   *block
		after, until           bool // do … while, do … until
	}
	switchNode struct {
		line
		subject node
		cases   []node
		bodies  []*block
		last    *block
	}
	try struct {
		line
		body, finally *block
		catches       []catch
	}
	catch struct {
		types []string
		body  *block
	}
	leave struct {
		line
		kind  string // throw return break continue exit
		value node
	}
	assign struct {
		line
		target node
		op     string
		value  node
	}
	pipeline struct {
		line
		stages []node // the first may be an expression, the others are commands
	}
	command struct {
		line
		name       node
		called     bool // with & or .
		args       []argument
		errorsGo   string // "", "null" or "output"
		outputGoes string // "" or "null"
	}
	argument struct {
		parameter string // without the dash; "" for a positional one
		value     node   // nil: none was attached
		attached  bool   // -Name:value
		splat     bool
	}
)

type (
	literal struct {
		line
		value any
	}
	expandable struct {
		line
		parts []node
	}
	variable struct {
		line
		scope, name string
	}
	typeLiteral struct {
		line
		name string
	}
	cast struct {
		line
		typ string
		x   node
	}
	unary struct {
		line
		op   string
		x    node
		post bool
	}
	binary struct {
		line
		op   string
		l, r node
	}
	list struct {
		line
		items []node
	}
	member struct {
		line
		object, name node
		static       bool
	}
	invoke struct {
		line
		object, name node
		static       bool
		args         []node
	}
	index struct {
		line
		object, position node
	}
	hashLiteral struct {
		line
		ordered, object bool
		keys, values    []node
	}
	arrayLiteral struct {
		line
		body *block
	}
	subexpression struct {
		line
		body *block
	}
	group struct {
		line
		x node
	}
	blockLiteral struct {
		line
		block *ScriptBlock
	}
)
