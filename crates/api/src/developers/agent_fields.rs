//! What a body says of an agent: read once for registrations and changes; every problem is collected.

use crate::fields::Fields;
use crate::state::ApiSettings;
use gavel_contract::rest::amount::of;
use gavel_domain::Money;
use gavel_domain::agent::{Agent, ExecutionMode, Visibility};
use gavel_domain::catalog::Catalog;
use gavel_domain::limits::SPECIALIST_TYPES_PER_CATEGORY;

const NAME_MAX: usize = 100;
const DESCRIPTION_MAX: usize = 2000;
const WORD_MAX: usize = 100;
const URL_MAX: usize = 2000;
/// All categories and types of a large catalogue; nobody needs more.
pub(super) const CAPABILITIES_MAX: usize = 250;
/// All that may be one's own in 50 categories.
const SPECIALIST_TYPES_MAX: usize = 50 * SPECIALIST_TYPES_PER_CATEGORY;
const CONCURRENCY_MAX: u64 = 1000;
/// What a developer may choose; `hidden` is the operator's.
const VISIBILITIES: [Visibility; 4] =
    [Visibility::Live, Visibility::Beta, Visibility::ComingSoon, Visibility::Draft];

/// What was said; absent is `None`.
#[derive(Debug, Default)]
pub(super) struct Said {
    pub(super) name: Option<String>,
    pub(super) description: Option<String>,
    pub(super) capabilities: Option<Vec<String>>,
    pub(super) specialist_task_types: Option<Vec<String>>,
    pub(super) framework: Option<String>,
    pub(super) model: Option<String>,
    pub(super) endpoint_url: Option<String>,
    pub(super) execution_mode: Option<ExecutionMode>,
    pub(super) max_concurrency: Option<u32>,
    pub(super) min_price: Option<Money>,
    pub(super) visibility: Option<Visibility>,
    pub(super) paused: Option<bool>,
}

/// Takes every field of an agent out of a body.
pub(super) fn read(f: &mut Fields, settings: &ApiSettings) -> Said {
    Said {
        name: name(f),
        description: f.text("description", 0..=DESCRIPTION_MAX),
        capabilities: capabilities(f, &settings.catalog),
        specialist_task_types: specialist_task_types(f, &settings.catalog),
        framework: f.text("framework", 1..=WORD_MAX),
        model: f.text("model", 1..=WORD_MAX),
        endpoint_url: endpoint_url(f, settings),
        execution_mode: execution_mode(f),
        max_concurrency: f.whole("max_concurrency", 1..=CONCURRENCY_MAX),
        min_price: f
            .money_or_plain::<of::MinPrice>(&settings.currency, Money::ZERO..=settings.money.budget_max),
        visibility: visibility(f),
        paused: f.flag("paused"),
    }
}

impl Said {
    /// Writes what was said over what was known; then the whole must fit together.
    pub(super) fn apply(self, agent: &mut Agent, f: &mut Fields, catalog: &Catalog) {
        // What fitted a catalogue of before holds up no other change.
        let works_elsewhere = self.capabilities.is_some() || self.specialist_task_types.is_some();
        set(&mut agent.name, self.name);
        set(&mut agent.description, self.description);
        set(&mut agent.capabilities, self.capabilities);
        set(&mut agent.specialist_task_types, self.specialist_task_types);
        set(&mut agent.endpoint_url, self.endpoint_url);
        set(&mut agent.execution_mode, self.execution_mode);
        set(&mut agent.max_concurrency, self.max_concurrency);
        set(&mut agent.min_price, self.min_price);
        if agent.visibility == Visibility::Hidden && self.visibility.is_some() {
            f.problem("visibility", "is hidden by the platform; ask its operator to move it back");
        }
        set(&mut agent.visibility, self.visibility);
        set(&mut agent.paused, self.paused);
        agent.framework = self.framework.or(agent.framework.take());
        agent.model = self.model.or(agent.model.take());
        if works_elsewhere {
            check_specialist(agent, f, catalog);
        }
        if agent.endpoint_url.is_empty() && agent.execution_mode != ExecutionMode::Pull {
            f.require(&["endpoint_url"]);
        }
    }
}

fn set<T>(known: &mut T, said: Option<T>) {
    if let Some(said) = said {
        *known = said;
    }
}

fn name(f: &mut Fields) -> Option<String> {
    let name = f.text("name", 1..=NAME_MAX)?;
    if name.trim().is_empty() {
        f.problem("name", "must not be blank");
    }
    Some(name.trim().to_owned())
}

/// Categories by slug or alias; a task type stands for its category. What is stored are slugs of categories.
fn capabilities(f: &mut Fields, catalog: &Catalog) -> Option<Vec<String>> {
    let words = f.texts("capabilities", CAPABILITIES_MAX)?;
    if words.is_empty() {
        f.problem("capabilities", "must name at least one category");
    }
    let mut slugs: Vec<String> = Vec::new();
    for word in words {
        let named = catalog.capability(&word);
        if named.is_empty() {
            let valid = catalog.slugs().join(", ");
            f.problem(
                "capabilities",
                format!("{word:?} is no category and no type of one; valid are: {valid}"),
            );
            return None;
        }
        for category in named {
            if !slugs.contains(&category.slug) {
                slugs.push(category.slug.clone());
            }
        }
    }
    Some(slugs)
}

/// Types by slug or alias; their slugs are stored. What is no type is told when the agent's categories are known.
fn specialist_task_types(f: &mut Fields, catalog: &Catalog) -> Option<Vec<String>> {
    let words = f.texts("specialist_task_types", SPECIALIST_TYPES_MAX)?;
    let mut slugs: Vec<String> = Vec::new();
    for word in words {
        let slug = catalog.task_type(&word).map_or(word, |task_type| task_type.slug.clone());
        if !slugs.contains(&slug) {
            slugs.push(slug);
        }
    }
    Some(slugs)
}

fn endpoint_url(f: &mut Fields, settings: &ApiSettings) -> Option<String> {
    let url = f.text("endpoint_url", 1..=URL_MAX)?;
    if let Err(refused) = settings.guard.check_url(&url) {
        f.coded_problem("endpoint_url", refused.code(), refused.to_string());
    }
    Some(url)
}

fn execution_mode(f: &mut Fields) -> Option<ExecutionMode> {
    let word = f.text("execution_mode", 1..=WORD_MAX)?;
    let known = ExecutionMode::ALL.into_iter().find(|mode| mode.name() == word);
    if known.is_none() {
        f.problem(
            "execution_mode",
            format!("must be one of: {}", ExecutionMode::ALL.map(ExecutionMode::name).join(", ")),
        );
    }
    known
}

fn visibility(f: &mut Fields) -> Option<Visibility> {
    let word = f.text("visibility", 1..=WORD_MAX)?;
    let known = VISIBILITIES.into_iter().find(|visibility| visibility.name() == word);
    if known.is_none() {
        f.problem("visibility", format!("must be one of: {}", VISIBILITIES.map(Visibility::name).join(", ")));
    }
    known
}

/// A specialist's types lie within its categories, a few in each: who is a specialist for all is one for none.
fn check_specialist(agent: &Agent, f: &mut Fields, catalog: &Catalog) {
    const FIELD: &str = "specialist_task_types";
    let of =
        |slug: &str| catalog.category_of(slug).filter(|category| agent.capabilities.contains(&category.slug));
    if let Some(stray) = agent.specialist_task_types.iter().find(|slug| of(slug).is_none()) {
        let own = agent.capabilities.iter().filter_map(|slug| catalog.category(slug));
        let valid: Vec<_> = own.flat_map(|c| &c.task_types).map(|t| t.slug.as_str()).collect();
        let told = format!("{stray:?} is no type of the agent's categories; valid are: {}", valid.join(", "));
        f.problem(FIELD, told);
    }
    let crowded = agent.capabilities.iter().find(|capability| {
        let types = agent.specialist_task_types.iter().filter_map(|slug| of(slug));
        types.filter(|category| category.slug == **capability).count() > SPECIALIST_TYPES_PER_CATEGORY
    });
    if let Some(category) = crowded {
        f.problem(FIELD, format!("names more than {SPECIALIST_TYPES_PER_CATEGORY} types of {category}"));
    }
}
