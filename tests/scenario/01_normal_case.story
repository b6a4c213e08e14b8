# The normal case of PBFT with four members: three phases, then votes on the executed block.

> cluster 4
> propose 0 a b
height 1, view 0
> deliver
PrePrepare v0 h1 685738d7 x2 by 0 -> 1 2 3
Prepare v0 h1 685738d7 by 1 -> 0 2 3
Prepare v0 h1 685738d7 by 2 -> 0 1 3
Prepare v0 h1 685738d7 by 3 -> 0 1 2
Commit v0 h1 685738d7 by 2 -> 0 1 3
Commit v0 h1 685738d7 by 3 -> 0 1 2
Commit v0 h1 685738d7 by 0 -> 1 2 3
Commit v0 h1 685738d7 by 1 -> 0 2 3
HeaderVote h1 c28dddb7 by 0 -> 1 2 3
HeaderVote h1 c28dddb7 by 1 -> 0 2 3
HeaderVote h1 c28dddb7 by 2 -> 0 1 3
HeaderVote h1 c28dddb7 by 3 -> 0 1 2
> show
0: view 0, certified 1, chain [a b]
1: view 0, certified 1, chain [a b]
2: view 0, certified 1, chain [a b]
3: view 0, certified 1, chain [a b]
