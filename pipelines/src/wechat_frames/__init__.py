# SPDX-License-Identifier: GPL-2.0-or-later
"""Folders of captures as tables: a row for each frame, call and session that tshark and the WeChat plugin find.

| module | what it alone knows |
| --- | --- |
| `schema` | the tables and their Arrow types, from the plugin's generated schema |
| `inputs` | which captures there are, their identity, their parts |
| `tool` | how tshark is started, limited and asked whether it has the plugin |
| `rows` | one capture in, Arrow batches out; of no engine |
| `store` | what is committed, and how a wave becomes visible |
| `pool` | waves on processes of this machine |
| `spark` | waves on Spark |
| `bundle` | an archive of plugin and tshark for a cluster |
| `main` | the command line |
"""

__version__ = "0.1.0"
